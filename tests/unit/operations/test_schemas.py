"""Issue 4, seed 000: every limit is checked before anything runs, and all that is wrong is told at once."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from batchwork.domain import graph, references
from batchwork.domain.errors import InvalidRequest, MalformedBody, OperationTooLarge, Problem, UnsupportedMediaType
from batchwork.domain.graph import Graph
from batchwork.domain.operation import Mode, Operation
from batchwork.edge.http import Request
from batchwork.families.operations import schemas
from batchwork.families.operations.schemas import asked

KB = 1024
OK: dict[str, Any] = {"id": "a", "method": "POST", "path": "/v1/posts", "body": {"content": "x"}}
DELETE: dict[str, Any] = {"id": "a", "method": "DELETE", "path": "/v1/posts/post_1"}


def read(body: Any, *, transaction: bool = False, content_type: str = "application/json") -> Graph:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method="POST", resource="", path="", headers={"content-type": content_type}, body=raw)
    return asked(request, transaction=transaction)


def wrong(operations: Any, *, transaction: bool = False, **fields: Any) -> list[Problem]:
    with pytest.raises(InvalidRequest) as refusal:
        read({"operations": operations, **fields}, transaction=transaction)
    return refusal.value.problems


def places(operations: Any, **fields: Any) -> list[str]:
    return [problem.place for problem in wrong(operations, **fields)]


def of_size(size: int) -> dict[str, str]:
    """Return a body of so many bytes as compact JSON."""
    return {"content": "x" * (size - len('{"content":""}'))}


def test_the_seeds_example_is_read_with_its_defaults() -> None:
    found = read(
        {
            "operations": [
                {
                    "id": "create-post",
                    "method": "POST",
                    "path": "/v1/posts",
                    "body": {"content": "Hello from batch!", "accountIds": ["acc_123"]},
                },
                {"id": "delete-old", "method": "DELETE", "path": "/v1/posts/clxold1234567890"},
            ]
        }
    )
    assert found.mode == Mode(parallel=False, continue_on_error=True)
    assert found.operations == (
        Operation(
            index=0,
            id="create-post",
            method="POST",
            path="/v1/posts",
            body={"content": "Hello from batch!", "accountIds": ["acc_123"]},
        ),
        Operation(index=1, id="delete-old", method="DELETE", path="/v1/posts/clxold1234567890"),
    )


def test_everything_that_may_be_said_is_read_and_the_rest_is_ignored() -> None:
    found = read(
        {
            "operations": [
                {**DELETE, "body": None, "headers": None, "dependsOn": None, "unknown": 1},
                {**OK, "id": "b", "headers": {"Idempotency-Key": "k", "X-Mine": "ü"}, "dependsOn": ["a"]},
            ],
            "continueOnError": False,
            "parallel": True,
            "unknown": {},
        }
    )
    assert found.mode == Mode(parallel=True, continue_on_error=False)
    assert (found.operations[0].body, found.operations[0].headers) == (None, {})
    assert found.operations[1].headers == {"idempotency-key": "k", "x-mine": "ü"}
    assert found.needs == (frozenset(), frozenset({0}))


# ── sizes ──


@pytest.mark.parametrize("two_bytes", ["xx", "ü", "\\"])
@pytest.mark.parametrize("escaped", [False, True])
def test_an_operation_has_100_kb_of_compact_json_in_utf_8_however_it_is_written(two_bytes: str, escaped: bool) -> None:
    body = {"content": two_bytes * ((100 * KB - len('{"content":""}')) // 2)}
    written = json.dumps({"operations": [{**OK, "body": body}]}, indent=4, ensure_ascii=escaped)
    assert read(written.encode()).operations[0].body == body
    with pytest.raises(OperationTooLarge):
        read(written.replace('"content": "', '"content": "x').encode())


def test_one_byte_more_is_too_large_wherever_it_stands_and_whatever_else_is_wrong() -> None:
    large = {**OK, "body": of_size(100 * KB + 1)}
    assert read({"operations": [{**OK, "body": of_size(100 * KB)}]})
    requests: list[Any] = [
        {"operations": [OK, {**large, "id": "b"}]},
        {"operations": [{**large, "id": "", "method": "GET", "path": "/v1/nothing"}], "parallel": 1},
        {"operations": [{**large, "method": "DELETE"}]},
        {"operations": [*({**OK, "id": str(n)} for n in range(101)), large]},
        {"operations": [{**OK, "body": ["x" * (100 * KB)]}]},
        {"operations": [{**OK, "body": "x" * (100 * KB)}]},
    ]
    for body in requests:
        with pytest.raises(OperationTooLarge):
            read(body)


@pytest.mark.parametrize(("number", "message"), [(0, "not 0"), (101, "not 101"), (100_000, "not 100000")])
def test_a_request_has_1_to_100_operations(number: int, message: str) -> None:
    (problem,) = wrong([{**OK, "id": str(n)} for n in range(number)])
    assert (problem.place, dict(problem.facts)) == ("operations", {"limit": 100, "received": number})
    assert message in problem.message
    assert len(read({"operations": [{**OK, "id": str(n)} for n in range(100)]}).operations) == 100


def test_a_body_that_no_writer_could_write_is_refused() -> None:
    deep = b"[" * 880 + b"]" * 880
    raw = b'{"operations": [{"id": "a", "method": "POST", "path": "/v1/posts", "body": {"x": %s}}]}' % deep
    with pytest.raises(InvalidRequest) as refusal:
        read(raw)
    assert [problem.place for problem in refusal.value.problems] == ["operations.0.body"]


# ── what is no batch ──


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"1", b"[" * 100_000, b'{"operations": NaN}', b"\xff"]
)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read(body)


def test_another_content_type_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType):
        read({"operations": [OK]}, content_type="text/plain")


@pytest.mark.parametrize("operations", [None, {}, "x", 1, {"a": OK}])
def test_operations_are_an_array(operations: Any) -> None:
    assert places(operations) == ["operations"]
    with pytest.raises(InvalidRequest):
        read({})


def test_flags_that_are_null_have_their_defaults() -> None:
    assert read({"operations": [OK], "parallel": None, "continueOnError": None}).mode == Mode()


@pytest.mark.parametrize("name", ["parallel", "continueOnError"])
@pytest.mark.parametrize("value", [0, 1, "true", "false", []])
def test_flags_are_true_or_false(name: str, value: Any) -> None:
    assert places([OK], **{name: value}) == [name]


# ── one operation ──


@pytest.mark.parametrize(
    ("operation", "place"),
    [
        ("a", ""),
        (None, ""),
        ([], ""),
        ({name: value for name, value in OK.items() if name != "id"}, ".id"),
        ({**OK, "id": ""}, ".id"),
        ({**OK, "id": "x" * 65}, ".id"),
        ({**OK, "id": 1}, ".id"),
        ({**OK, "id": None}, ".id"),
        ({**OK, "method": "GET"}, ".method"),
        ({**OK, "method": "PUT"}, ".method"),
        ({**OK, "method": "post"}, ".method"),
        ({**OK, "method": ["POST"]}, ".method"),
        ({name: value for name, value in OK.items() if name != "method"}, ".method"),
        ({name: value for name, value in OK.items() if name != "path"}, ".path"),
        ({**OK, "path": 1}, ".path"),
        ({**OK, "path": ""}, ".path"),
        ({**OK, "path": "/v1/batch"}, ".path"),
        ({**OK, "path": "/v1/postsX"}, ".path"),
        ({**OK, "path": "/v1/posts/../billing"}, ".path"),
        ({**OK, "path": f"/v1/posts/{'x' * 491}"}, ".path"),
        ({**OK, "path": "/v1/posts/{{name"}, ".path"),
        ({**OK, "path": "/v1/posts/{{name}}"}, ".path"),
        ({**OK, "body": []}, ".body"),
        ({**OK, "body": "x"}, ".body"),
        ({**OK, "body": 0}, ".body"),
        ({**DELETE, "body": {}}, ".body"),
        ({**OK, "headers": []}, ".headers"),
        ({**OK, "headers": "x"}, ".headers"),
        ({**OK, "headers": {"x": 1}}, ".headers.x"),
        ({**OK, "headers": {"x": None}}, ".headers.x"),
        ({**OK, "headers": {"x": "a\r\nb: c"}}, ".headers.x"),
        ({**OK, "headers": {"x": "a\nb"}}, ".headers.x"),
        ({**OK, "headers": {"x": "\u20ac"}}, ".headers.x"),
        ({**OK, "headers": {"x": "a\x7f"}}, ".headers.x"),
        ({**OK, "headers": {"a b": "c"}}, ".headers"),
        ({**OK, "headers": {"": "c"}}, ".headers"),
        ({**OK, "headers": {"x\r\ny": "c"}}, ".headers"),
        ({**OK, "headers": {"\u00e4": "c"}}, ".headers"),
        ({**OK, "dependsOn": "a"}, ".dependsOn"),
        ({**OK, "dependsOn": [1]}, ".dependsOn"),
        ({**OK, "dependsOn": ["a"]}, ".dependsOn"),
        ({**OK, "dependsOn": ["b"]}, ".dependsOn"),
        ({**OK, "body": {"content": "a\0b"}}, ".body.content"),
        ({**OK, "body": {"content": ["\ud800"]}}, ".body.content.0"),
        ({**OK, "id": "a\0b"}, ".id"),
        ({**OK, "path": "/v1/posts/{{b.body.id}}"}, ".path"),
        ({**OK, "path": "{{a.body.path}}"}, ".path"),
        ({**OK, "body": {"content": "{{a.body.id}}"}}, ".body.content"),
        ({**OK, "body": {"content": ["x", "{{b.body.id}}"]}}, ".body.content.1"),
    ],
)
def test_what_is_wrong_with_an_operation_is_told_by_its_place(operation: Any, place: str | None) -> None:
    if place is None:
        assert read({"operations": [operation]})
    else:
        assert f"operations.0{place}" in places([operation])


def test_fields_that_nobody_reads_may_hold_anything() -> None:
    # Break: _kept, return each as it is.
    assert read({"operations": [{**OK, "unknown": "\0", "\ud800": {"x": ["\0"]}}]}).operations[0].id == "a"
    assert places([{**OK, "unknown": "\0", "headers": {"x": "\0"}}])[0] == "operations.0.headers.x"


def test_the_places_of_references_are_held_by_nobody() -> None:
    # Break: _Reading.links, as the list of all links.
    deep: Any = ["{{a.status}}"] * 2_000
    for _ in range(750):
        deep = {"k" * 64: deep}
    raw = json.dumps({"operations": [OK, *({**OK, "id": f"b{n}", "body": deep} for n in range(3))]}).encode()
    tracemalloc.start()
    assert read(raw).needs == (frozenset(), *[frozenset({0})] * 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000, "all places have 300 MB"


def test_references_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read_of: list[str] = []

    def spy(path: str, body: Any, ids: Any) -> frozenset[str]:
        read_of.append(path)
        return references.ids_in(path, body, ids)

    monkeypatch.setattr(schemas, "ids_in", spy)
    monkeypatch.setattr(graph, "ids_in", spy)
    read({"operations": [OK, {**OK, "id": "b", "path": "/v1/posts/{{a.body.id}}"}]})
    assert read_of == ["/v1/posts", "/v1/posts/{{a.body.id}}"]


def test_no_message_quotes_a_value() -> None:
    secret = "s3cret"
    operations = [
        {"id": secret * 20, "method": secret, "path": secret, "body": secret, "headers": {"x": f"{secret}\n"}},
        {**OK, "dependsOn": [secret], "body": {"x": f"{{{{{secret}.body.id}}}}"}},
    ]
    problems = wrong(operations)
    assert {problem.place for problem in problems} >= {
        "operations.0.id",
        "operations.1.dependsOn",
        "operations.1.body.x",
    }
    assert secret not in "".join(problem.message for problem in problems)


def test_ids_are_unique_and_the_later_one_is_named() -> None:
    assert places([OK, {**OK, "id": "b"}, OK, OK]) == ["operations.2.id", "operations.3.id"]


def test_all_that_is_wrong_is_told_at_once_up_to_a_hundred_problems() -> None:
    operations = [
        {**OK, "method": "GET"},
        {**OK, "id": "b", "path": "/v1/nothing", "body": 1},
        {**OK, "id": "c", "dependsOn": ["nobody"], "body": {"x": "{{d.body.id}}"}},
        {**OK, "id": "d"},
        {**OK, "id": "d"},
    ]
    assert places(operations, parallel=7) == [
        "parallel",
        "operations.4.id",
        "operations.0.method",
        "operations.1.path",
        "operations.1.body",
        "operations.2.dependsOn",
        "operations.2.body.x",
    ]
    assert len(places([{}] * 100)) == 100


# ── headers ──


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "X-API-Key", "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Connection"),
        *("X-Request-Id", "Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-Amzn-Trace-Id", "x-amz-date"),
        *("Proxy-Authorization", "TE", "Upgrade", "Keep-Alive", "Trailer"),
    ],
)
def test_headers_that_say_who_calls_are_left_out(name: str) -> None:
    found = read({"operations": [{**OK, "headers": {name: "x", "X-Kept": "y"}}]})
    assert found.operations[0].headers == {"x-kept": "y"}


# ── dependencies, references, transactions ──


def test_an_operation_may_refer_to_those_before_it() -> None:
    found = read(
        {
            "operations": [
                OK,
                {**OK, "id": "b.body", "path": "/v1/posts/{{a.body.id}}/copy"},
                {**OK, "id": "c", "body": {"x": "{{b.body.body.id}} {{name}}"}, "dependsOn": ["a"]},
            ]
        }
    )
    assert found.needs == (frozenset(), frozenset({0}), frozenset({0, 1}))


def test_a_template_of_a_path_may_be_500_characters_whatever_it_stands_for() -> None:
    rest = "x" * (500 - len("/v1/posts/{{a.body.id}}"))
    assert read({"operations": [OK, {**OK, "id": "b", "path": f"/v1/posts/{{{{a.body.id}}}}{rest}"}]})
    assert places([OK, {**OK, "id": "b", "path": f"/v1/posts/{{{{a.body.id}}}}{rest}x"}]) == ["operations.1.path"]


@pytest.mark.parametrize("parallel", [False, True])
def test_a_circle_is_refused(parallel: bool) -> None:
    operations = [{**OK, "dependsOn": ["b"]}, {**OK, "id": "b", "dependsOn": ["a"]}]
    assert "operations.0.dependsOn" in places(operations, parallel=parallel)


def test_a_transaction_is_in_order_and_stops_at_the_first_failure_whatever_is_said() -> None:
    for fields in ({}, {"continueOnError": True}, {"continueOnError": True, "parallel": False}):
        assert read({"operations": [OK], **fields}, transaction=True).mode == Mode(False, False)
    assert [problem.place for problem in wrong([OK], transaction=True, parallel=True)] == ["parallel"]
    later = [{**OK, "dependsOn": ["b"]}, {**OK, "id": "b"}]
    assert [each.place for each in wrong(later, transaction=True, parallel=True)] == [
        "parallel",
        "operations.0.dependsOn",
    ]
