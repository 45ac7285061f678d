"""Runs that are larger than an answer may be (types of clients 0.2.0 and 1.20.0; AWS limit of a function's answer)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.workflow_runs.whole_run import CLASSES, EXTRACTED, FAILED, STEPS, UNANSWERED, a_run, a_step

from batchwork.domain.run import StepRun
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized
from batchwork.edge.http import Response
from batchwork.families.workflow_runs.answers import run_answer, runs_answer
from batchwork.families.workflow_runs.dialect import Dialect
from batchwork.families.workflow_runs.presenters import run_object
from batchwork.families.workflow_runs.room import fitting_run

DIALECTS = tuple(Dialect)
NEW = Dialect.V2026


def size(shown: Any) -> int:
    return serialized(Response(200, shown).text)


def an_extract(number: int, characters: int) -> StepRun:
    output = {**EXTRACTED["output"], "value": {"text": "ü" * characters}}
    return replace(a_step("EXTRACT", {"output": output}, number), name=f"extract-{number}")


def larger(step: StepRun) -> StepRun:
    """Return a step run of a type without a configuration with a larger result."""
    result = step.result or {}
    match step.type:
        case "RULE_VALIDATION":
            return replace(step, result={**result, "rules": result["rules"] * 90})
        case "ROUTER":
            return replace(step, result={**result, "branches": result["branches"] * 90})
        case "EXTERNAL_DATA_VALIDATION":
            return replace(step, result={"response": {"status": 200, "data": {"text": "x" * 9_000}}})
    return step


def shown_steps(run: Any) -> list[Any]:
    return [*run["stepRuns"], *run.get("outputs", [])]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_run_that_fits_is_shown_whole(dialect: Dialect) -> None:
    run = a_run()
    assert fitting_run(run, dialect) == run_object(run, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_run_has_room_in_an_answer(dialect: Dialect) -> None:
    run = a_run(steps=tuple(an_extract(number, 400_000) for number in range(20)))
    assert size(run_object(run, dialect)) > ANSWER_LIMIT
    answer = run_answer(run, dialect)
    assert serialized(answer.text) <= ANSWER_LIMIT
    whole: Any = answer.body
    shown = whole if dialect is NEW else whole["workflowRun"]
    assert (shown["truncated"], shown["id"], len(shown_steps(shown))) == (True, run.id, 20)


def test_the_largest_step_runs_are_cut_and_no_more_of_them_than_have_to_be() -> None:
    run = a_run(steps=(an_extract(0, 10), an_extract(1, 9_000), an_extract(2, 50_000), an_extract(3, 20)))
    room = size(run_object(run, NEW)) - 50_000
    shown = fitting_run(run, NEW, room)
    assert size(shown) <= room + 200  # the mark of the run has room of its own
    outputs = [each["result"]["extractRun"]["output"] for each in shown["stepRuns"]]
    assert [each.get("truncated", False) for each in outputs] == [False, False, True, False]
    assert outputs[2]["value"] == outputs[2]["metadata"] == {}
    assert "webhooks" in outputs[2]["message"]
    assert outputs[1]["value"] == {"text": "ü" * 9_000}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_type_of_step_that_is_cut_keeps_what_its_client_requires(dialect: Dialect) -> None:
    steps = (
        *STEPS,
        replace(a_step("EXTRACT", {**FAILED, "failureMessage": "x" * 9_000}, 7, status="FAILED"), name="failed"),
        replace(a_step("EXTERNAL_DATA_VALIDATION", {**UNANSWERED, "more": "x" * 9_000}, 8), name="unanswered"),
    )
    large = {"schema": {"description": "x" * 9_000}, "classifications": CLASSES}
    run = a_run(steps=tuple(replace(step, config=large) for step in steps))
    whole, shown = run_object(run, dialect), fitting_run(run, dialect, room=1)
    assert shown_steps(shown) == []  # nothing has room there
    cut = fitting_run(run, dialect, room=size(whole) // 3)
    assert cut["truncated"]
    for before, after in zip(shown_steps(whole), shown_steps(cut), strict=True):
        assert set(before) == set(after)
        assert (before["id"], before["status"]) == (after["id"], after["status"])
        if dialect is NEW and before["result"]:
            ((name, told),) = list(before["result"].items())[:1]
            assert name in after["result"]
            if isinstance(told, dict):
                assert set(told) <= set(after["result"][name])


def test_the_least_of_each_result_fits_its_type() -> None:
    # One that is large by its configuration is cut as much as one that found much.
    run = a_run(steps=tuple(replace(step, config={"schema": {"d": "x" * 9_000}}) for step in map(larger, STEPS)))
    shown = fitting_run(run, NEW, room=16_000)
    parse, classify, split, extract, rules, router, checked = [each["result"] for each in shown["stepRuns"]]
    assert parse["parseRun"]["output"] == {"chunks": [], "truncated": True}
    assert parse["parseRun"]["metrics"] == {"processingTimeMs": 12, "pageCount": 3}
    told = classify["classifyRun"]["output"]
    assert (told["id"], told["type"], told["confidence"], told["insights"]) == ("cls_invoice", "invoice", 0.8, [])
    assert split["splitRun"]["output"]["splits"] == []
    assert extract["extractRun"]["output"]["value"] == {}
    assert (rules["rules"], router["branches"], checked["response"]["status"]) == ([], [], 200)
    assert router["matchedBranch"] == {"id": "b1", "name": "Small"}
    assert all("x" * 9_000 not in Response(200, each).text for each in shown["stepRuns"])


def test_where_cut_step_runs_have_no_room_the_last_are_left_out() -> None:
    run = a_run(steps=tuple(an_extract(number, 10) for number in range(100)))
    shown = fitting_run(run, NEW, room=40_000)
    assert size(shown) <= 40_000 + 200
    assert 0 < len(shown["stepRuns"]) < 100
    assert [each["id"] for each in shown["stepRuns"]] == [step.id for step in run.steps[: len(shown["stepRuns"])]]


def test_the_runs_of_one_answer_share_its_room() -> None:
    run = a_run(steps=(an_extract(0, 1_000_000),))
    answer = runs_answer([run] * 5, Dialect.LEGACY)
    assert serialized(answer.text) <= ANSWER_LIMIT
