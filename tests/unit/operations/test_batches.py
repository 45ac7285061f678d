"""POST /v1/batch, /transaction and /dry-run, GET /limits and /v1/auth/me, as clients meet them (seed 000)."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from desk import Desk, make

from batchwork.domain.batch import BatchRef
from batchwork.domain.operation import Ended, Operation, Sealed
from batchwork.domain.target import Target
from batchwork.domain.workspace import WorkspaceStatus
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized
from batchwork.edge.http import Response
from batchwork.families.operations.batches import patience_of
from batchwork.families.operations.presenters import batch_answer

COPY = "/v1/posts/{{a.body.id}}/copy"
GONE = {"id": "gone", "method": "DELETE", "path": "/v1/posts/post_none"}
MUTATING = ("/v1/batch", "/v1/batch/transaction", "/v1/batch/async")


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


# ── the answer ──


def test_the_answer_has_the_seeds_shape() -> None:
    desk = Desk()
    answer = desk.batch([make("a"), GONE, {"id": "b", "method": "DELETE", "path": "/v1/posts/{{a.body.id}}"}])
    assert answer.status == 200
    assert list(answer.body) == ["results", "summary"]
    made, gone, removed = answer.results
    assert list(made) == ["id", "status", "body"]
    assert (made["id"], made["status"], made["body"]["text"]) == ("a", 201, "x")
    error = {"code": "NOT_FOUND", "message": "Post not found"}
    assert gone == {"id": "gone", "status": 404, "body": {"error": error}, "error": error}
    assert removed == {"id": "b", "status": 204, "body": None}
    assert answer.body["summary"] == {"total": 3, "succeeded": 2, "failed": 1, "skipped": 0}
    assert [effect for effect, _ in desk.notes.done] == ["make", "remove"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/batch", {"continueOnError": False}),
        ("/v1/batch/transaction", {}),
        ("/v1/batch/transaction", {"continueOnError": True}),
    ],
)
def test_what_is_not_attempted_stands_among_the_results(path: str, fields: dict[str, Any]) -> None:
    desk = Desk()
    answer = desk.batch([make("a"), GONE, make("b"), make("c")], path, **fields)
    assert answer.statuses == [201, 404, 424, 424]
    assert answer.results[2]["body"] is None
    assert answer.results[2]["error"]["code"] == "SKIPPED"
    assert answer.body["summary"] == {"total": 4, "succeeded": 1, "failed": 1, "skipped": 2}
    assert len(desk.notes.done) == 1


def test_dependants_of_a_failure_are_not_attempted() -> None:
    operations = [
        make("a"),
        {**make("b"), "dependsOn": ["a"]},
        {**GONE, "path": "/v1/posts/{{b.body.id}}"},
        make("c"),
    ]
    operations[0]["body"]["text"] = 7
    for parallel in (False, True):
        answer = Desk().batch(operations, parallel=parallel)
        assert answer.statuses == [400, 424, 424, 201]
        assert [result.get("error", {}).get("code") for result in answer.results] == [
            *("VALIDATION_ERROR", "DEPENDENCY_FAILED", "DEPENDENCY_FAILED"),
            None,
        ]
        assert answer.body["summary"] == {"total": 4, "succeeded": 1, "failed": 1, "skipped": 2}


def test_operations_use_what_those_before_them_made() -> None:
    for parallel in (False, True):
        desk = Desk()
        answer = desk.batch(
            [
                make("a"),
                {"id": "b", "method": "POST", "path": COPY},
                {"id": "c", "method": "PATCH", "path": "/v1/posts/{{b.body.id}}", "body": {"text": "{{a.status}}!"}},
                {"id": "d", "method": "PATCH", "path": "/v1/posts/{{b.body.id}}", "body": {"text": "{{a.status}}"}},
            ],
            parallel=parallel,
        )
        assert answer.statuses == [201, 201, 200, 400], "the type of a whole reference is kept"
        assert answer.results[2]["body"] == {"id": answer.results[1]["body"]["id"], "text": "201!"}
        assert answer.results[1]["body"]["id"] != answer.results[0]["body"]["id"]


def test_a_reference_without_a_value_fails_its_operation_and_names_its_place() -> None:
    answer = Desk().batch([make("a"), make("b", "{{a.body.nothing}}")])
    assert answer.statuses == [201, 400]
    assert answer.results[1]["error"]["code"] == "VALIDATION_ERROR"
    assert answer.results[1]["error"]["details"] == {"field": "operations.1.body.text"}
    assert answer.body["summary"]["failed"] == 1


# ── who calls ──


def test_each_operation_needs_the_scope_of_its_own_call_and_the_batch_needs_none() -> None:
    desk = Desk()
    key = desk.a_key(scopes=())
    answer = desk.batch([make("a")], key=key)
    assert (answer.status, answer.statuses) == (200, [403])
    assert answer.results[0]["error"]["code"] == "AUTHORIZATION_ERROR"
    key = desk.a_key(scopes=["posts:write"])
    operations = [make("a"), make("b", path="/v1/webhooks"), make("c", path="/v1/accounts/acc_1")]
    assert desk.batch(operations, key=key).statuses == [201, 403, 403]


def test_inner_headers_do_not_change_who_calls() -> None:
    desk = Desk()
    other = desk.a_key("other")
    headers = {"Authorization": f"Bearer {other}", "X-Api-Key": other, "X-Request-Id": "mine", "X-Kept": "yes"}
    answer = desk.batch([make("a", headers=headers)])
    assert answer.statuses == [201]
    assert {workspace for workspace, _ in desk.shelf.stored} == {"acme"}
    assert desk.notes.asked == [("POST", "/v1/posts", {"x-kept": "yes"})]


@pytest.mark.parametrize("path", [*MUTATING, "/v1/batch/dry-run"])
def test_nobody_without_a_valid_key_may_call(path: str) -> None:
    desk = Desk()
    assert (desk.batch([make("a")], path, key="bw_acme_k1.wrong").status, desk.used()) == (401, 0)
    suspended = desk.a_key(status=WorkspaceStatus.SUSPENDED)
    answer = desk.batch([make("a")], path, key=suspended)
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")


# ── what is refused costs nothing ──


@pytest.mark.parametrize("path", [*MUTATING, "/v1/batch/dry-run"])
def test_a_bad_request_runs_and_charges_nothing(path: str) -> None:
    desk = Desk()
    answer = desk.batch([make("a"), {**make("b"), "method": "GET"}], path)
    assert (answer.status, answer.code, answer.places) == (400, "VALIDATION_ERROR", ["operations.1.method"])
    too_many = desk.batch([make(str(n)) for n in range(101)], path)
    assert too_many.body["error"]["details"]["limit"] == 100
    assert too_many.body["error"]["details"]["received"] == 101
    large = desk.batch([make("a"), make("b", "x" * 102_400)], path)
    assert (large.status, large.text) == (422, '{"error":"Operation body must not exceed 100KB"}')
    assert (desk.notes.done, desk.used(), desk.queue.sent) == ([], 0, [])


def test_more_than_5_mb_are_refused_before_anything_is_read() -> None:
    desk = Desk()
    whole = json.dumps({"operations": [make("a")], "padding": ""})
    padded = whole.replace('""', f'"{"x" * (5 * 1024 * 1024 - len(whole))}"')
    assert desk.call("POST", "/v1/batch", padded).status == 200
    answer = desk.call("POST", "/v1/batch", padded.replace("xx", "xxx", 1))
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")


# ── once, and metered ──


def test_every_operation_is_one_unit_and_a_full_month_refuses_the_batch() -> None:
    desk = Desk()
    desk.a_key(monthly_quota=5)
    assert desk.batch([make("a"), GONE, make("b")]).status == 200
    assert desk.used() == 3
    answer = desk.batch([make("a"), make("b"), make("c")])
    assert (answer.status, answer.code) == (402, "LIMIT_EXCEEDED")
    assert (desk.used(), len(desk.notes.done)) == (3, 2)


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/transaction"])
def test_an_outer_idempotency_key_replays_the_answer(path: str) -> None:
    desk = Desk()
    key = {"Idempotency-Key": "k:1"}
    first = desk.batch([make("a"), make("b")], path, headers=key)
    again = desk.batch([make("a"), make("b")], path, headers=key)
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")
    assert (len(desk.notes.done), desk.used()) == (2, 2)
    other = desk.batch([make("a")], path, headers=key)
    assert (other.status, other.code) == (409, "IDEMPOTENCY_CONFLICT")


def test_an_inner_idempotency_key_does_its_operation_once() -> None:
    desk = Desk()
    keyed = make("a", headers={"Idempotency-Key": "inner"})
    first, again = desk.batch([keyed]), desk.batch([{**keyed, "id": "b"}])
    assert first.results[0]["body"] == again.results[0]["body"]
    other = desk.batch([make("a", "other", headers={"Idempotency-Key": "inner"})])
    assert other.results[0]["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    bad = desk.batch([make("a", headers={"Idempotency-Key": "no spaces"})])
    assert bad.results[0]["error"]["code"] == "IDEMPOTENCY_INVALID_KEY"
    assert len(desk.notes.done) == 1


# ── time ──


def test_the_answer_arrives_though_an_operation_hangs(release: threading.Event) -> None:
    desk = Desk(patience=timedelta(seconds=0.3))
    desk.before = lambda operation: operation.id == "a" or release.wait(30)
    answer = desk.batch([make("a"), make("b"), make("c")])
    assert answer.status == 200
    assert answer.statuses == [201, 504, 504]
    assert [result["error"]["code"] for result in answer.results[1:]] == ["TIMEOUT", "TIMEOUT"]
    assert answer.body["summary"] == {"total": 3, "succeeded": 1, "failed": 2, "skipped": 0}
    assert desk.used() == 3


def test_two_seconds_of_the_functions_life_are_kept_for_the_answer(release: threading.Event) -> None:
    desk = Desk()
    desk.before = lambda _operation: release.wait(30)
    assert desk.batch([make("a")], left=timedelta(seconds=2.3)).statuses == [504]
    assert desk.batch([make("a")], left=timedelta(seconds=1)).statuses == [504]


@pytest.mark.parametrize(
    ("gateway", "patience"), [(29_000, 27_000), (62_000, 60_000), (65_000, 60_000), (61_999, 59_999)]
)
def test_operations_have_60_seconds_or_what_the_gateway_allows(gateway: int, patience: int) -> None:
    desk = Desk(patience=patience_of(timedelta(milliseconds=gateway)))
    assert desk.call("GET", "/v1/batch/limits").body["timeoutMs"] == patience


# ── dry runs ──


def test_a_dry_run_checks_everything_and_changes_nothing() -> None:
    desk = Desk()
    stored = desk.batch([make("a")]).results[0]["body"]["id"]
    before, used = dict(desk.shelf.stored), desk.used()
    answer = desk.batch(
        [
            make("good"),
            {"id": "schema", "method": "POST", "path": "/v1/posts", "body": {}},
            GONE,
            {"id": "there", "method": "DELETE", "path": f"/v1/posts/{stored}"},
            {"id": "no-route", "method": "POST", "path": "/v1/posts/x/y/z"},
            {"id": "no-id", "method": "DELETE", "path": "/v1/posts/nope"},
            make("key", headers={"Idempotency-Key": "no spaces"}),
        ],
        "/v1/batch/dry-run",
        continueOnError=False,
    )
    assert answer.status == 200
    assert answer.statuses == [200, 400, 404, 200, 404, 400, 400]
    assert {result["body"] for result in answer.results} == {None}
    assert [result["error"]["code"] for result in answer.results if "error" in result] == [
        *("VALIDATION_ERROR", "NOT_FOUND", "NOT_FOUND", "BAD_REQUEST", "IDEMPOTENCY_INVALID_KEY"),
    ]
    assert answer.body["summary"] == {"total": 7, "succeeded": 2, "failed": 5, "skipped": 0}
    assert (desk.shelf.stored, desk.used(), desk.claims.holds) == (before, used, {})


def test_a_dry_run_judges_what_does_not_depend_on_results_to_come() -> None:
    desk = Desk()
    answer = desk.batch(
        [
            make("a"),
            {"id": "copy", "method": "POST", "path": COPY},
            {"id": "no-route", "method": "PATCH", "path": COPY, "body": {"text": "x"}},
            make("text", "{{a.status}}"),
            {**make("other"), "body": {"title": "{{a.status}}"}},
            {"id": "change", "method": "PATCH", "path": "/v1/posts/{{a.body.id}}", "body": {"title": "x"}},
        ],
        "/v1/batch/dry-run",
    )
    assert answer.statuses == [200, 200, 404, 200, 400, 400]
    refused = desk.batch(
        [make("a"), {"id": "b", "method": "POST", "path": COPY}], "/v1/batch/dry-run", key=desk.a_key(scopes=())
    )
    assert refused.statuses == [403, 403]
    assert desk.notes.done == []


def test_a_dry_run_looks_nothing_up_for_an_operation_that_is_not_whole() -> None:
    desk = Desk()
    looked: list[tuple[str, str]] = []
    desk.shelf.get = lambda *names: looked.append(names)  # type: ignore[method-assign] # a spy
    later = {"id": "later", "method": "PATCH", "path": "/v1/posts/post_1", "body": {"text": "{{a.body.text}}"}}
    assert desk.batch([make("a"), later, GONE], "/v1/batch/dry-run").statuses == [200, 200, 404]
    assert looked == [("acme", "post_none")]


def test_a_dry_run_is_as_patient_as_a_batch(release: threading.Event) -> None:
    desk = Desk(patience=timedelta(seconds=0.2))
    desk.shelf.get = lambda *_: release.wait(30) and None  # type: ignore[method-assign,assignment] # a store that hangs
    answer = desk.batch([make("a"), GONE], "/v1/batch/dry-run")
    assert answer.statuses == [200, 504]


# ── sizes of answers ──


def test_an_answer_that_would_be_too_large_is_cut_at_its_largest_bodies() -> None:
    # Break: results_text, cut nothing; Lambda would drop the whole answer.
    desk = Desk()
    desk.notes.answer = lambda note: {
        "id": note.id,
        "text": note.text,
        "padding": "\\" * (60_000 if len(note.text) > 1 else 10),
    }
    operations = [make(str(n), "long" if n % 10 else "s") for n in range(100)]
    answer = desk.batch(operations)
    assert serialized(answer.text) <= ANSWER_LIMIT
    assert answer.body["summary"] == {"total": 100, "succeeded": 100, "failed": 0, "skipped": 0}
    assert set(answer.statuses) == {201}
    assert not any("error" in result for result in answer.results), "who reads an error takes it for a failure"
    cut = [result for result in answer.results if "truncated" in result["body"]]
    assert 0 < len(cut) < 90
    assert not {result["id"] for result in cut} & {str(n) for n in range(0, 100, 10)}
    for result in cut:
        assert list(result["body"]) == ["id", "truncated", "message"]
        assert result["body"]["truncated"] is True
        assert "status 201" in result["body"]["message"]
        assert f"GET /v1/posts/{result['body']['id']} " in result["body"]["message"]
    assert serialized(answer.text) > ANSWER_LIMIT - 200_000, "no more is cut than has to be"


def test_a_failure_that_is_cut_keeps_its_code_and_what_has_no_id_is_null() -> None:
    desk = Desk()
    key = desk.a_key(targets={"/v1/posts": Target("https://api.example.com")})
    desk.upstream = Response(409, {"error": {"code": "TAKEN", "message": "x" * 1_000_000}})
    answer = desk.batch([make(str(n), path=f"/v1/posts/{n}") for n in range(8)], key=key)
    cut = [result for result in answer.results if result["error"]["code"] == "RESULT_TOO_LARGE"]
    assert cut
    for result in cut:
        assert result["body"] is None
        assert result["error"]["details"] == {"code": "TAKEN"}
        assert f"GET /v1/posts/{result['id']} " in result["error"]["message"]
    assert answer.body["summary"]["failed"] == 8


LARGE: dict[str, Any] = {"id": "up_1", "list": [{"n": n, "text": "é \N{GRINNING FACE}"} for n in range(5_000)]}


def test_large_answers_pass_through_and_are_referred_to_as_small_ones_are() -> None:
    desk = Desk()
    key = desk.a_key(targets={"/v1/media": Target("https://api.example.com")})
    raw = json.dumps(LARGE, indent=1)
    operations = [
        make("large", path="/v1/media"),
        make("small", "{{large.body.list.4999.text}} {{large.body.id}} {{large.status}}"),
        make("none", "{{large.body.list.5000}}"),
    ]
    desk.upstream = Response(202, raw=raw)
    for path in ("/v1/batch", "/v1/batch/async"):
        answer = desk.batch(operations, path, key=key)
        if path == "/v1/batch":
            results = answer.results
        else:
            ref = BatchRef("acme", answer.body["data"]["jobId"])
            desk.settle_everything(ref)
            results = desk.job(ref)["results"]
        large, small, none = results
        assert large == {"id": "large", "status": 202, "body": LARGE}
        assert small["body"]["text"] == "é \N{GRINNING FACE} up_1 202"
        assert none["status"] == 400


def test_a_large_answer_that_is_cut_keeps_its_id() -> None:
    desk = Desk()
    key = desk.a_key(targets={"/v1/media": Target("https://api.example.com")})
    desk.upstream = Response(200, raw=json.dumps({"id": 17, "text": "x" * 1_000_000}))
    results = desk.batch([make(str(n), path="/v1/media/x") for n in range(7)], key=key).results
    cut = [result["body"] for result in results if "truncated" in result["body"]]
    assert [(body["id"], "GET /v1/media/17 " in body["message"]) for body in cut] == [(17, True)] * 2
    assert all("error" not in result for result in results)


def test_an_answer_is_written_without_all_that_has_no_room_in_it() -> None:
    # Break: results_text, keep every text that was measured.
    operations = [Operation(index=n, id=str(n), method="POST", path="/v1/media") for n in range(60)]
    ended = [Ended(status=200, body=Sealed.of({"id": "up_1", "text": "x" * 1_000_000}))] * 60
    tracemalloc.start()
    assert len(batch_answer(operations, ended).text) > 5_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 35_000_000


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        ('{"a": NaN}', '{"a": NaN}'),
        ('{"a": 1e999}', '{"a": 1e999}'),
        ("[" * 5_000, "[" * 5_000),
        ('"\\ud800"', "?"),
        ('{"a": [1, null]}', {"a": [1, None]}),
    ],
)
def test_whatever_an_upstream_answers_the_batch_is_json(raw: str, body: Any) -> None:
    desk = Desk()
    key = desk.a_key(targets={"/v1/posts": Target("https://api.example.com")})
    desk.upstream = Response(200, raw=raw)
    answer = desk.batch([make("a", path="/v1/posts/x")], key=key)
    assert json.loads(answer.text, parse_constant=pytest.fail)["results"][0]["body"] == body
    assert desk.forwarded == ["https://api.example.com/x"]


def test_an_answer_nested_as_deeply_as_it_can_be_read_is_written_or_cut() -> None:
    for depth in range(900, 1000, 5):
        desk = Desk()
        key = desk.a_key(targets={"/v1/posts": Target("https://api.example.com")})
        desk.upstream = Response(200, raw="[" * depth + "]" * depth)
        assert desk.batch([make("a")], key=key).statuses == [200]


# ── what else is asked ──


def test_the_limits_are_exactly_the_seeds() -> None:
    answer = Desk().call("GET", "/v1/batch/limits")
    assert answer.body == {
        "maxOperations": 100,
        "timeoutMs": 60000,
        "allowedMethods": ["POST", "PATCH", "DELETE"],
        "allowedPaths": ["/v1/posts", "/v1/accounts", "/v1/media", "/v1/webhooks"],
    }


def test_who_calls_is_told_in_the_fields_that_clients_read() -> None:
    desk = Desk()
    answer = desk.call("GET", "/v1/auth/me", key=desk.a_key(scopes=()))
    assert answer.body == {"workspaceId": "acme", "workspaceName": "Acme", "plan": "PRO"}
    assert desk.call("GET", "/v1/auth/me", key="").status == 401


def test_an_error_of_an_operation_that_nobody_planned_for_is_its_own() -> None:
    desk = Desk()

    def bug(operation: Operation) -> None:
        if operation.id == "b":
            raise RuntimeError("a secret")

    desk.before = bug
    answer = desk.batch([make("a"), make("b"), make("c")])
    assert answer.statuses == [201, 500, 201]
    assert "secret" not in answer.text
