"""What an operation's answer becomes among the results of a batch (spec operations 1.10)."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from factories import AT

from batchwork.adapters.dynamodb.batch_rows import packed_unit, unpacked_unit
from batchwork.adapters.packing import pack, unpack
from batchwork.domain.job import ended_of, result_of
from batchwork.domain.operation import Ended, Sealed
from batchwork.edge.http import Response
from batchwork.families.operations.dispatch import ended


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
def test_an_answer_of_two_hundred_and_more_is_a_success(status: int) -> None:
    found = ended(Response(status, raw='{"id":"up_1"}'))
    assert (found.status, found.body, found.error, found.succeeded) == (status, {"id": "up_1"}, None, True)


@pytest.mark.parametrize("status", [301, 302, 304, 400, 404, 500, 503])
def test_any_other_answer_is_a_failure_that_says_so(status: int) -> None:
    found = ended(Response(status, raw="gone", headers={"Content-Type": "text/plain"}))
    assert (found.status, found.body, found.succeeded) == (status, "gone", False)
    assert found.error is not None
    assert str(status) in found.error["message"]


def test_an_answers_own_error_is_told() -> None:
    error = {"code": "CARD_DECLINED", "message": "No."}
    assert ended(Response(402, {"error": error})).error == error
    assert ended(Response(402, {"error": "No."})).error == {"code": "REQUEST_FAILED", "message": "No."}


@pytest.mark.parametrize("error", [{}, {"foo": 1}, {"code": 404, "message": "No."}, {"code": "X", "message": {}}])
def test_an_error_that_typed_clients_could_not_read_stays_in_the_body(error: Any) -> None:
    found = ended(Response(404, {"error": error}))
    assert found.body == {"error": error}
    assert found.error is not None
    assert (found.error["code"], type(found.error["message"])) == ("REQUEST_FAILED", str)


def stored(found: Ended) -> Ended:
    """Return what comes back of what is stored with a job."""
    ((result,), _) = unpacked_unit(unpack(pack(packed_unit([result_of(0, found, AT, 1)], []))))
    return ended_of(result)


def test_what_is_read_of_an_answer_can_be_stored_and_the_rest_is_text() -> None:
    # Break: _body, do not measure what was read.
    kinds = set()
    for depth in range(800, 1_000):
        raw = "[" * depth + "]" * depth
        found = ended(Response(200, raw=raw))
        assert found.body == (raw if isinstance(found.body, str) else json.loads(raw))
        assert stored(found) == found
        kinds.add(type(found.body))
    assert kinds == {list, str}


@pytest.mark.parametrize("body", [{"id": 7, "text": "é \N{GRINNING FACE}" * 20_000}, ["x"] * 20_000, "\ud800" * 60_000])
def test_a_large_answer_is_sealed_and_comes_back_whole_from_a_job(body: object) -> None:
    for answer in (ended(Response(200, raw=json.dumps(body))), stored(ended(Response(200, raw=json.dumps(body))))):
        assert isinstance(answer.body, Sealed)
        assert answer.body.opened() == body
        assert answer.body.id == (7 if isinstance(body, dict) else None)


def test_many_large_answers_are_held_as_they_came() -> None:
    # Break: ended, seal nothing.
    tracemalloc.start()
    held = [ended(Response(200, raw=f"[{','.join(['[]'] * 100_000)}]")) for _ in range(10)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(held) == 10
    assert size < 6_000_000, "read, they have 64 MB"


def test_the_error_of_a_large_answer_is_shortened_when_it_is_what_is_large() -> None:
    error = {"code": "CARD_DECLINED", "message": "No."}
    assert ended(Response(402, raw=json.dumps({"error": error, "more": "x" * 60_000}))).error == error
    large = {**error, "message": "No" * 40_000, "details": [[]] * 40_000}
    found = ended(Response(402, raw=json.dumps({"error": large})))
    assert found.error == {"code": "CARD_DECLINED", "message": f"{'No' * 100}…"}
    assert isinstance(found.body, Sealed)
    assert found.body.opened() == {"error": large}
    found = ended(Response(402, raw=json.dumps({"error": {**error, "code": "x" * 60_000}})))
    assert found.error == {"code": "REQUEST_FAILED", "message": "No."}
