"""Seed 004: the shape of an answer; and that every answer can be sent (Lambda: 6 MB)."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from batchwork.domain.lookup import Found
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized
from batchwork.families.lookups.presenters import batch_answer

GOOD = Found(200, {"echo": {"id": 1}, "note": "stub"})
BAD = Found(422, code="validation_failed", message="...")


def body_of(*results: Found) -> Any:
    return json.loads(batch_answer(results).text)


def test_the_seeds_mixed_answer_is_answered_letter_by_letter() -> None:
    answer = batch_answer([GOOD, BAD])
    assert answer.status == 207
    assert answer.text == (
        '{"data":[{"status":200,"data":{"echo":{"id":1},"note":"stub"}},'
        '{"status":422,"error":{"code":"validation_failed","message":"...","details":{}}}],'
        '"meta":{"batch":{"total":2,"succeeded":1,"failed":1}}}'
    )


@pytest.mark.parametrize(
    ("results", "status", "succeeded"), [([GOOD, GOOD], 200, 2), ([GOOD, BAD], 207, 1), ([BAD, BAD], 207, 0)]
)
def test_it_is_200_when_every_item_succeeded_and_207_otherwise(
    results: list[Found], status: int, succeeded: int
) -> None:
    answer = batch_answer(results)
    assert answer.status == status
    assert json.loads(answer.text)["meta"] == {"batch": {"total": 2, "succeeded": succeeded, "failed": 2 - succeeded}}


@pytest.mark.parametrize("data", [None, 0, False, "", [], {}, [1.5, "\N{GRINNING FACE}"]])
def test_any_json_is_a_result(data: Any) -> None:
    assert body_of(Found(200, data))["data"] == [{"status": 200, "data": data}]


@pytest.mark.parametrize("data", [float("nan"), [float("inf")], {"when": object()}])
def test_a_result_that_is_no_json_fails_alone(data: Any) -> None:
    body = body_of(GOOD, Found(200, data))
    assert [entry["status"] for entry in body["data"]] == [200, 502]
    assert body["data"][1]["error"]["code"] == "upstream_failed"
    assert body["meta"]["batch"] == {"total": 2, "succeeded": 1, "failed": 1}


def test_a_result_that_is_nested_too_deeply_fails_alone() -> None:
    deep: Any = 1
    for _ in range(sys.getrecursionlimit() * 60):
        deep = [deep]
    body = body_of(GOOD, Found(200, deep))
    assert [entry["status"] for entry in body["data"]] == [200, 422]
    while isinstance(deep, list):  # or freeing it would recurse as deep
        deep = deep[0]


def test_half_of_a_pair_that_an_upstream_sent_does_not_break_the_answer() -> None:
    assert body_of(Found(200, "\ud83d"))["data"][0]["data"] == "?"


@pytest.mark.parametrize("text", ["x", "\N{HIRAGANA LETTER A}", '"', "\\", "\n"])
def test_results_without_room_say_so_and_the_answer_can_be_sent(text: str) -> None:
    large, small = Found(200, text * 400_000), Found(200, "fits")
    answer = batch_answer([small, *[large] * 30, small])
    assert serialized(answer.text) <= ANSWER_LIMIT
    body = json.loads(answer.text)
    statuses = [entry["status"] for entry in body["data"]]
    assert statuses[0] == statuses[-1] == 200
    assert statuses.count(413) == 30 - body["meta"]["batch"]["succeeded"] + 2 > 0
    assert statuses[1 : statuses.index(413)] == [200] * (statuses.index(413) - 1)
    error = body["data"][statuses.index(413)]["error"]
    assert (error["code"], error["details"]) == ("result_too_large", {})
    assert "fewer items per request" in error["message"]
    assert answer.status == 207


def test_a_thousand_results_without_room_can_still_be_sent() -> None:
    huge = Found(200, "x" * 5_000_000)
    full = Found(200, "x" * 4_999_900)
    answer = batch_answer([full, *[huge] * 999])
    assert serialized(answer.text) <= ANSWER_LIMIT
    assert json.loads(answer.text)["meta"]["batch"]["failed"] == 999
