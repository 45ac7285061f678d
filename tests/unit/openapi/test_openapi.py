"""docs/openapi.yaml is valid, whole, and tells of every route what holds for all."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from documented import (
    DOCUMENT,
    FAMILIES,
    LOOKUPS,
    VERBS,
    Family,
    document,
    errors_of,
    examples_in,
    examples_of,
    family_of,
    operations,
    rules,
    served_at,
)
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from batchwork.domain import errors
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.limit import DAY, MINUTE, Allowance
from batchwork.domain.limit import Window as Counted
from batchwork.domain.operation import ROOTS, root_of
from batchwork.domain.plan import CHANGEABLE, PLANS
from batchwork.edge.endpoint import BODY_LIMIT, Route
from batchwork.edge.http import Request, Response
from batchwork.edge.idempotency import INVALID_KEY
from batchwork.edge.limits import Reset, limit_headers
from batchwork.families.lookups import SCOPES
from batchwork.families.workflow_runs.dialect import HEADER, VERSIONS, Dialect, under_both
from batchwork.use_cases import keys

AT = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
#: Paths of the function that answers what nobody serves.
UNROUTED = ("/", "/{proxy+}")
#: The beginning of the description of every operation.
SCOPE = re.compile(r"Scope (`[a-z_]+[:.][a-z]+`(?:, | or )?)+|No scope")


def test_the_document_is_valid() -> None:
    validate(document())


def test_every_example_fits_its_schema() -> None:
    found = list(examples_in({name: document()[name] for name in ("paths", "webhooks", "components")}))
    assert len(found) > 150
    for place, schema, example in found:
        try:
            rules(schema).validate(example)
        except Exception as exc:
            raise AssertionError(place) from exc


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_an_example_that_does_not_fit_is_found(family: Family) -> None:
    schema = {"$ref": f"#/components/schemas/{family.error}"}
    (told,) = examples_in({"schema": schema, "example": {"error": {"code": "x"}}})
    assert not rules(told[1]).is_valid(told[2])


def test_every_component_is_referred_to() -> None:
    named = {
        f"{kind}/{name}"
        for kind, components in document()["components"].items()
        for name in components
        if kind != "securitySchemes"
    }
    assert named == set(re.findall(r"#/components/(\w+/\w+)", DOCUMENT.read_text()))


def test_every_error_has_an_example() -> None:
    for verb, path, told in operations():
        bare = [code for code, response in errors_of(told) if not examples_of(response)]
        assert not bare, (verb, path)


def test_every_answer_documents_its_headers() -> None:
    counted = set(limit_headers(an_allowance(), Reset.IN))
    for verb, path, told in operations():
        family = family_of(path)
        keyed = family.takes_key(verb, path)
        waiting = {"402", "429", "503", "default"} | ({"409"} if keyed else set())
        for code, response in told["responses"].items():
            named = set(response["headers"])
            nobody = code == "401" or (verb, path) in family.public
            assert named >= {"X-Request-Id"} | (set() if nobody else counted), (verb, path, code)
            assert nobody <= (not named & counted), (verb, path, code)
            assert ("Retry-After" in named) == (code in waiting), (verb, path, code)
            replayed = code == "default" or (keyed and code < "300")
            assert ("Idempotency-Replayed" in named) == replayed, (verb, path, code)


def test_the_reset_is_what_the_family_means_by_it() -> None:
    for verb, path, told in operations():
        family = family_of(path)
        meant = {
            response["headers"]["X-RateLimit-Reset"]["$ref"].rpartition("/")[2]
            for response in told["responses"].values()
            if "X-RateLimit-Reset" in response["headers"]
        }
        assert meant == (set() if (verb, path) in family.public else {family.reset}), (verb, path)
    assert {family.reset for family in FAMILIES} == {"MinuteResetIn", "MinuteResetAt"}


def an_allowance() -> Allowance:
    minute = Counted("minute", MINUTE, 120, 1, AT + MINUTE)
    return Allowance(AT + timedelta(seconds=18), True, minute, Counted("day", DAY, 20_000, 1, AT + DAY))


@pytest.mark.parametrize("reset", Reset, ids=lambda reset: reset.name)
def test_limits_are_told_as_documented(reset: Reset) -> None:
    at = {"X-RateLimit-Reset": f"MinuteReset{reset.name.title()}"}
    named = {"X-RateLimit-Limit": "MinuteLimit", "X-RateLimit-Remaining": "MinuteRemaining"}
    rest = {"RateLimit": "RateLimit", "RateLimit-Policy": "RateLimitPolicy"}
    for name, value in limit_headers(an_allowance(), reset).items():
        schema = document()["components"]["headers"][(at | named | rest)[name]]["schema"]
        rules(schema).validate(int(value) if schema.get("type") == "integer" else value)


def test_what_acts_takes_an_idempotency_key_and_tells_what_may_come_of_it() -> None:
    for verb, path, told in operations():
        family = family_of(path)
        takes = [each for each in told["parameters"] if each["name"] == "Idempotency-Key"]
        wanted = [document()["components"]["parameters"][family.key]] if family.takes_key(verb, path) else []
        assert takes == wanted, (verb, path)
        if takes:
            assert family.refusals <= told["responses"].keys(), (verb, path)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize(
    "header",
    [
        *("k", "a b", "a_b-c:d.e", "k" * 255, "k" * 256, "", '"', "ключ", "a\tb", "a\x7f", "a\n", "a/b", "a+b"),
        *('"k"', '""', '"' + "k" * 255 + '"', '"' + "k" * 256 + '"', '"' + "\\\\" * 255 + '"', '" k"', '"k "'),
    ],
    ids=range(20),
)
def test_the_document_takes_the_keys_that_the_code_takes(family: Family, header: str) -> None:
    schema = document()["components"]["parameters"][family.key]["schema"]
    # "$" of Python's patterns stands before a last line break too; that of JSON Schema does not.
    documented = not header.endswith("\n") and OAS31Validator(schema).is_valid(header)
    assert documented is (family.envelope.keys.read(header) is not None)


def test_the_families_differ_in_the_keys_that_they_take() -> None:
    taken = {
        family.name: [
            header for header in ("a_b-c:d.e", "a b", '"k"', "a/b") if family.envelope.keys.read(header) is not None
        ]
        for family in FAMILIES
    }
    assert taken["operations"] == ["a_b-c:d.e"]
    others = [keys for name, keys in taken.items() if name != "operations"]
    assert others == [["a_b-c:d.e", "a b", '"k"', "a/b"]] * 3


def test_every_operation_documents_the_rate_limit_and_those_that_are_metered_the_quota() -> None:
    told = {(verb, path): operation["responses"] for verb, path, operation in operations()}
    public = {call for family in FAMILIES for call in family.public}
    assert public == {("get", "/v1/health")}
    assert all({"429", "500"} <= responses.keys() for call, responses in told.items() if call not in public)
    metered = {at for at, responses in told.items() if "402" in responses}
    assert metered == {call for family in FAMILIES for call in family.metered}


def test_every_operation_names_the_scope_that_it_needs_and_keys_can_have_it() -> None:
    for verb, path, told in operations():
        assert SCOPE.match(told["description"]), (verb, path)
        named = set(re.findall(r"`([a-z_]+[:.](?:read|write))`", told["description"].partition(". ")[0]))
        assert named <= set(keys.SCOPES), (verb, path)
        assert ("403" in told["responses"]) == ((verb, path) not in family_of(path).public), (verb, path)


def test_the_plans_are_told_as_they_are() -> None:
    for plan in PLANS.values():
        quota = "not metered" if plan.monthly_quota is None else f"{plan.monthly_quota:,}"
        numbers = f"{plan.per_minute:,} | {plan.per_day:,} | {quota} | {plan.max_batch} | {plan.max_page}"
        assert f"| {plan.slug} | {numbers} |" in document()["info"]["description"]
    requests = document()["components"]["schemas"]["LookupRequest"]["properties"]["requests"]
    assert requests["maxItems"] == CHANGEABLE["max_batch"]
    assert f"at most {BODY_LIMIT // 2**20} MiB" in document()["info"]["description"]


#: Rows of the table of differences → what is wrong.
DIFFERENCES = {
    "no valid key": errors.Unauthenticated(),
    "suspended workspace": errors.WorkspaceSuspended(),
    "no scope": errors.ScopeMissing(scope="x"),
    "over the rate limit": errors.RateLimited(window="minute", limit=1),
    "over the quota": errors.QuotaExceeded(quota=1, used=1, units=1),
    "body too large": errors.BodyTooLarge(received=2, limit=1),
    "another Content-Type": errors.UnsupportedMediaType(expected="application/json", received="text/csv"),
    "wrong shape": InvalidRequest([Problem("x", "Field required", "missing")]),
    "Idempotency-Key that is none": InvalidRequest([Problem("Idempotency-Key", "x", INVALID_KEY, structural=False)]),
    "Idempotency-Key with another body": errors.IdempotencyKeyReused(),
    "Idempotency-Key in use": errors.RequestInFlight(),
    "not there, or another workspace's": errors.NotFound(what="Batch"),
    "our fault": ValueError("unexpected"),
}


def test_the_families_errors_differ_as_the_table_says() -> None:
    lines = [line.strip("| ").split(" | ") for line in document()["info"]["description"].splitlines()]
    rows = {line[0]: line[1:] for line in lines}
    names = ["messages", "lookups", "operations", "workflow runs"]
    assert rows["messages"] == names[1:]
    # Codes are those of 2026-02-09: the seed's envelope has none.
    version = {HEADER: str(Dialect.V2026)}
    request = Request(method="GET", resource="/x", path="/x", request_id="r-1", headers=version)
    by_name = {family.name: family.envelope for family in FAMILIES}
    for what, exc in DIFFERENCES.items():
        for name, cell in zip(names, rows[what], strict=True):
            answer = by_name[name].error(exc, request)
            assert answer.body is not None
            code = answer.body.get("error_code") or f"`{answer.body.get('error', answer.body)['code']}`"
            assert cell == f"{answer.status} {code}", (what, name)


def test_every_endpoint_of_lookups_is_documented_with_its_scope_and_statuses() -> None:
    told = {path: operation for verb, path, operation in operations() if verb == "post" and path in LOOKUPS}
    assert told.keys() == LOOKUPS
    for endpoint, scope in SCOPES.items():
        operation = told[f"/api/v1/{endpoint}/batch"]
        assert f"`{scope}`" in operation["description"]
        expected = {"200", "207", "401", "402", "403", "404", "409", "413", "415", "422", "429", "500"}
        assert operation["responses"].keys() == expected


def test_every_route_of_a_batch_is_documented_with_its_status() -> None:
    documented = {
        (verb, path): next(iter(operation["responses"]))
        for verb, path, operation in operations()
        if path.startswith(("/api/v1/batches", "/v1/batch"))
    }
    assert documented == {
        ("post", "/api/v1/batches"): "202",
        ("get", "/api/v1/batches"): "200",
        ("get", "/api/v1/batches/{batch_id}"): "200",
        ("get", "/api/v1/batches/{batch_id}/results"): "200",
        ("post", "/api/v1/batches/{batch_id}/cancel"): "202",
        ("get", "/api/v1/batches/{batch_id}/deliveries"): "200",
        ("get", "/api/v1/batches/{batch_id}/deliveries/{delivery_id}"): "200",
        ("post", "/api/v1/batches/{batch_id}/deliveries/{delivery_id}/replay"): "202",
        ("post", "/v1/batch"): "200",
        ("post", "/v1/batch/transaction"): "200",
        ("post", "/v1/batch/dry-run"): "200",
        ("get", "/v1/batch/limits"): "200",
        ("post", "/v1/batch/async"): "202",
        ("get", "/v1/batch/async"): "200",
        ("get", "/v1/batch/async/{job_id}"): "200",
    }


def routes_of_the_template() -> set[tuple[str, str]]:
    template = (DOCUMENT.parents[1] / "template.yaml").read_text()
    routes = re.findall(r'Method: (\w+), Path: "?(/[^"\s]*)"?', template)
    return {(verb.lower(), path) for verb, path in routes} - {(verb, path) for verb in VERBS for path in UNROUTED}


def routes_of_the_document() -> set[tuple[str, str]]:
    """Return every documented call, at each prefix that it is served at."""
    return {(verb, where) for verb, path, _ in operations() for where in served_at(path)}


def reaching(verb: str, path: str, served: set[tuple[str, str]]) -> tuple[str, str]:
    """Return which of the template's routes a call reaches."""
    # API Gateway takes no ":publish" after a parameter, so the function tells it from the parameter's end.
    path = path.removesuffix(":publish")
    parts = path.split("/")
    proxied = [f"{'/'.join(parts[:depth])}/{{proxy+}}" for depth in range(len(parts) - 1, 1, -1)]
    return next(((verb, each) for each in (path, *proxied) if (verb, each) in served), (verb, path))


def test_what_is_documented_reaches_a_route_of_the_template_and_every_route_is_reached() -> None:
    served = routes_of_the_template()
    documented = routes_of_the_document()
    assert min(len(served), len(documented)) > 120
    reached = {reaching(verb, path, served) for verb, path in documented}
    assert reached <= served
    # A root whose calls the function knows takes each verb of those below it; one that may have a target takes what that
    # takes.
    roots = {(verb, path.removesuffix("/{proxy+}")) for verb, path in reached if path.endswith("/{proxy+}")}
    assert {call for call in served - reached - roots if root_of(call[1]) is None} == set()


def test_the_workflow_runs_family_is_served_below_both_prefixes_and_no_other_family_is() -> None:
    for _, path, _ in operations():
        both = family_of(path).name == "workflow runs"
        assert served_at(path) == ([path, f"/v1{path}"] if both else [path])
    doubled = under_both({("GET", "/x"): Route(lambda *_: Response(200))})
    assert list(doubled) == [("GET", "/x"), ("GET", "/v1/x")]


def test_every_call_of_the_workflow_runs_family_takes_a_version() -> None:
    wanted = {"$ref": "#/components/parameters/ApiVersion"}
    for path, item in document()["paths"].items():
        assert (wanted in item.get("parameters", [])) == (family_of(path).name == "workflow runs"), path
    assert document()["components"]["schemas"]["ApiVersion"]["enum"] == list(VERSIONS)


def test_what_may_have_a_target_tells_of_its_upstream_and_nothing_else_does() -> None:
    for verb, path, told in operations():
        of_upstreams = {"502", "504", "default"} & told["responses"].keys()
        assert of_upstreams == ({"502", "504", "default"} if root_of(path) else set()), (verb, path)


def test_what_lies_below_the_roots_reaches_the_function_that_knows_their_calls() -> None:
    served = routes_of_the_template()
    documented = {(verb, path) for verb, path, _ in operations() if root_of(path) is not None}
    assert len(documented) > 30
    assert {(verb, path if path in ROOTS else f"{root_of(path)}/{{proxy+}}") for verb, path in documented} <= served
