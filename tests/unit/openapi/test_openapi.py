"""docs/openapi.yaml is valid, whole, and tells of every route what holds for all."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from documented import (
    DOCUMENT,
    LOOKUPS,
    document,
    examples_in,
    examples_of,
    is_lookups,
    operations,
    rules,
)
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from batchwork.domain.idempotency import key_of
from batchwork.domain.limit import DAY, MINUTE, Allowance
from batchwork.domain.limit import Window as Counted
from batchwork.domain.plan import CHANGEABLE, PLANS
from batchwork.edge.endpoint import BODY_LIMIT
from batchwork.edge.limits import Reset, limit_headers
from batchwork.families.lookups import SCOPES

AT = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)


def test_the_document_is_valid() -> None:
    validate(document())


def test_every_example_fits_its_schema() -> None:
    found = list(examples_in({name: document()[name] for name in ("paths", "components")}))
    assert len(found) > 40
    for place, schema, example in found:
        try:
            rules(schema).validate(example)
        except Exception as exc:
            raise AssertionError(place) from exc


def test_an_example_that_does_not_fit_is_found() -> None:
    (told,) = examples_in(
        {"schema": {"$ref": "#/components/schemas/LookupsError"}, "example": {"error": {"code": "x"}}}
    )
    assert not rules(told[1]).is_valid(told[2])


def test_every_error_has_an_example() -> None:
    for verb, path, told in operations():
        bare = [code for code, response in told["responses"].items() if code >= "400" and not examples_of(response)]
        assert not bare, (verb, path)


def test_every_answer_documents_its_headers() -> None:
    always = {"X-Request-Id"}
    counted = set(limit_headers(an_allowance(), Reset.IN))
    for verb, path, told in operations():
        for code, response in told["responses"].items():
            named = set(response["headers"])
            nobody = code == "401" or (path == "/api/v1/me" and code == "403")
            expected = always if nobody else always | counted
            assert expected <= named, (verb, path, code)
            assert ("Retry-After" in named) == (code in waiting(verb)), (verb, path, code)
            assert ("Idempotency-Replayed" in named) == (verb == "post" and code < "300"), (verb, path, code)


def waiting(verb: str) -> set[str]:
    return {"402", "429", "503"} | ({"409"} if verb == "post" else set())


def test_the_reset_is_seconds_left_for_lookups_and_a_time_for_messages() -> None:
    for verb, path, told in operations():
        meant = {
            response["headers"]["X-RateLimit-Reset"]["$ref"].rpartition("/")[2]
            for response in told["responses"].values()
            if "X-RateLimit-Reset" in response["headers"]
        }
        assert meant == {"MinuteResetIn" if is_lookups(path) else "MinuteResetAt"}, (verb, path)


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


def test_every_post_takes_an_idempotency_key_and_tells_what_may_come_of_it() -> None:
    for verb, path, told in operations():
        takes = "Idempotency-Key" in [each["name"] for each in told["parameters"]]
        assert takes == (verb == "post"), (verb, path)
        if takes:
            refusal = "422" if is_lookups(path) else "400"
            assert {"409", "422", refusal} <= told["responses"].keys(), (verb, path)


@pytest.mark.parametrize(
    ("header", "good"),
    [
        ("k", True),
        ("a b", True),
        ("k" * 255, True),
        ("k" * 256, False),
        ("", False),
        ('"k"', True),
        ('""', False),
        ('"' + "k" * 255 + '"', True),
        ('"' + "k" * 256 + '"', False),
        ('"' + "\\\\" * 255 + '"', True),
        ('" k"', False),
        ('"k "', False),
        ('"', True),
        ("ключ", False),
        ("a\tb", False),
        ("a\x7f", False),
    ],
    ids=range(16),
)
def test_the_document_takes_the_keys_that_the_code_takes(header: str, good: bool) -> None:
    schema = document()["components"]["parameters"]["IdempotencyKey"]["schema"]
    assert OAS31Validator(schema).is_valid(header) is good
    assert (key_of(header) is not None) is good


def test_every_operation_documents_the_rate_limit_and_those_that_are_metered_the_quota() -> None:
    told = {(verb, path): operation["responses"] for verb, path, operation in operations()}
    assert all("429" in responses and "500" in responses for responses in told.values())
    metered = {at for at, responses in told.items() if "402" in responses}
    assert metered == {
        ("post", "/api/v1/batches"),
        ("post", "/api/v1/chats/{chat_id}/messages"),
        *(("post", path) for path in LOOKUPS),
    }


def test_the_plans_are_told_as_they_are() -> None:
    for plan in PLANS.values():
        quota = "not metered" if plan.monthly_quota is None else f"{plan.monthly_quota:,}"
        numbers = f"{plan.per_minute:,} | {plan.per_day:,} | {quota} | {plan.max_batch} | {plan.max_page}"
        assert f"| {plan.slug} | {numbers} |" in document()["info"]["description"]
    requests = document()["components"]["schemas"]["LookupRequest"]["properties"]["requests"]
    assert requests["maxItems"] == CHANGEABLE["max_batch"]
    assert f"at most {BODY_LIMIT // 2**20} MiB" in document()["info"]["description"]


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
        for path, verbs in document()["paths"].items()
        if path.startswith("/api/v1/batches")
        for verb, operation in verbs.items()
        if verb != "parameters"
    }
    assert documented == {
        ("post", "/api/v1/batches"): "202",
        ("get", "/api/v1/batches"): "200",
        ("get", "/api/v1/batches/{batch_id}"): "200",
        ("get", "/api/v1/batches/{batch_id}/results"): "200",
        ("post", "/api/v1/batches/{batch_id}/cancel"): "202",
    }


def test_the_routes_of_the_template_are_documented_and_no_others() -> None:
    template = (DOCUMENT.parents[1] / "template.yaml").read_text()
    routes = re.findall(r'Method: (\w+), Path: "?(/api/v1/[^"\s]+)"?', template)
    assert len(routes) > 5
    documented = {(verb, path) for verb, path, _ in operations()}
    # API Gateway takes no ":publish" after a parameter, so the function tells it from the parameter's end.
    publish = "/api/v1/external/agents/{agent_id}/versions/{version_id}"
    known = {("post", publish): ("post", f"{publish}:publish")}
    served = {(verb.lower(), path) for verb, path in routes}
    assert {known.get(route, route) for route in served} == documented
