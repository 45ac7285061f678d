"""What is wrong with a workflow's steps is told before anything runs through them (spec 4.6, shapes of client 1.20.0)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from unit.steps.tasks import told

from batchwork.domain.workflow import DEFAULT_STEPS
from batchwork.processors.workflow_runs.definition import MAX_BYTES, MAX_STEPS, problems
from batchwork.processors.workflow_runs.registry import step_types

CLASSES = {"classifierConfig": {"classifications": [{"id": "cls_a", "type": "invoice", "description": "Invoices"}]}}
SCHEMA = {"extractorConfig": {"schema": {"type": "object", "properties": {"total": {"type": "number"}}}}}


def a_step(name: str, kind: str, *following: Any, **more: Any) -> dict[str, Any]:
    entries = [{"step": each} if isinstance(each, str) else each for each in following]
    return {"name": name, "type": kind, **({"next": entries} if entries else {}), **more}


def around(*steps: Any, first: str = "") -> list[dict[str, Any]]:
    """Return steps after a trigger and a parser, which leads to the first of them."""
    leads = [first or steps[0]["name"]] if steps else []
    return [a_step("trigger", "TRIGGER", "parse"), a_step("parse", "PARSE", *leads), *steps]


def wrongs(steps: Any, *, deploying: bool = True) -> list[str]:
    return told(problems(steps, deploying=deploying))


def test_the_steps_of_a_new_workflow_can_be_deployed() -> None:
    assert wrongs(list(DEFAULT_STEPS)) == []


def test_every_type_that_there_is_has_a_file_of_its_own() -> None:
    assert step_types() == (
        *(
            "CLASSIFY",
            "COLLECT",
            "CONDITIONAL",
            "EXTERNAL_DATA_VALIDATION",
            "EXTRACT",
            "HUMAN_REVIEW",
            "PARSE",
            "ROUTER",
        ),
        *("RULE_VALIDATION", "SPLIT", "TRIGGER", "WEBHOOK_RESPONSE"),
    )


def test_a_workflow_of_the_published_example_can_be_deployed() -> None:
    steps = around(
        a_step(
            "split",
            "SPLIT",
            {"step": "extract", "classificationId": "cls_a"},
            {"step": "review", "classificationId": "cls_other"},
            config={
                "splitterConfig": {
                    "splitClassifications": [
                        {"id": "cls_a", "type": "invoice", "description": "Invoices"},
                        {"id": "cls_other", "type": "other", "description": "The rest"},
                    ]
                }
            },
        ),
        a_step("extract", "EXTRACT", "rules", config=SCHEMA),
        a_step(
            "rules",
            "RULE_VALIDATION",
            {"step": "collect", "result": "pass"},
            {"step": "review", "result": "fail"},
            config={"rules": [{"name": "positive", "formula": "extract.total > 0"}]},
        ),
        a_step("review", "HUMAN_REVIEW", "collect"),
        a_step("collect", "COLLECT", "webhook"),
        a_step("webhook", "WEBHOOK_RESPONSE"),
    )
    assert wrongs(steps) == []


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ("trigger", "steps: must be an array of steps"),
        ([], "steps: must have a TRIGGER step and a PARSE step"),
        ([1], "steps[0]: must be an object"),
        ([{"type": "TRIGGER"}], "steps[0].name: must be a text that is not empty"),
        (
            [a_step("a.b", "TRIGGER")],
            "steps[0].name: must have at most 100 characters, and no dots, brackets or quotes",
        ),
        ([a_step("metadata", "TRIGGER"), a_step("p", "PARSE")], "steps[0].name: must not be metadata"),
        ([a_step("a", "TRIGGER", config=[])], "steps[0].config: must be an object"),
        ([a_step("a", "TRIGGER", next="b")], "steps[0].next: must be an array"),
        ([a_step("a", "TRIGGER", next=[{}])], "steps[0].next[0].step: must be the name of a step"),
        ([a_step("a", "TRIGGER", "b")], "steps[0].next[0].step: names 'b', and there is no such step"),
        ([a_step("a", "TRIGGER")], "steps: must have exactly one PARSE step, not 0"),
        ([a_step("a", "PARSE")], "steps: must have exactly one TRIGGER step, not 0"),
        ([a_step("a", "TRIGGER", "b"), a_step("b", "PARSE"), a_step("b", "COLLECT")], "steps[2].name: must be unique"),
        (
            [a_step("a", "TRIGGER", "c"), a_step("b", "PARSE"), a_step("c", "COLLECT")],
            "steps[0].next[0].step: must be the PARSE step after the TRIGGER step",
        ),
        (around(a_step("a", "COLLECT", "trigger")), "steps[2].next[0].step: must not lead to the TRIGGER step"),
        (around(a_step("a", "COLLECT", "parse")), "steps[2].next[0].step: must be the PARSE step after the TRIGGER"),
        (around(a_step("a", "COLLECT", "b"), a_step("b", "COLLECT", "a")), "steps: must not lead back to a step: a, b"),
        (around(a_step("a", "COLLECT", "a")), "steps: must not lead back to a step: a"),
        (
            around(a_step("r", "HUMAN_REVIEW", "e"), a_step("e", "EXTRACT", config=SCHEMA)),
            "steps[2].next[0].step: may lead",
        ),
        (around(a_step("w", "WEBHOOK_RESPONSE", "c"), a_step("c", "COLLECT")), "steps[2].next: must be absent"),
        (
            around(a_step("c", "CLASSIFY", "d", config=CLASSES), a_step("d", "COLLECT")),
            "steps[2].next[0].classificationId: is required after a CLASSIFY step",
        ),
        (
            around(
                a_step("c", "CLASSIFY", {"step": "d", "classificationId": "x"}, config=CLASSES), a_step("d", "COLLECT")
            ),
            "steps[2].next[0].classificationId: must be one of cls_a",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(steps: Any, says: str) -> None:
    assert any(each.startswith(says) for each in wrongs(steps)), wrongs(steps)


@pytest.mark.parametrize(
    ("more", "place"),
    [({"url": "https://a.example/{{extract.total}}"}, "url"), ({"headers": {"A": "{{ secret.tok }}"}}, "headers.A")],
)
@pytest.mark.parametrize("deploying", [True, False])
def test_variables_that_nobody_fills_in_are_refused_at_their_place(more: Any, place: str, deploying: bool) -> None:
    options = {"url": "https://a.example", "method": "POST", **more}
    steps = around(a_step("ask", "EXTERNAL_DATA_VALIDATION", config={"requestOptions": options}))
    (wrong,) = wrongs(steps, deploying=deploying)
    assert wrong.startswith(f"steps[2].config.requestOptions.{place}: is not supported: only headers may hold")


def test_a_type_that_is_not_known_is_answered_with_those_there_are() -> None:
    (only,) = wrongs([a_step("a", "MERGE_EXTRACT")])
    assert only == f"steps[0].type: must be one of {', '.join(step_types())}"


def test_a_draft_may_lack_what_a_deployment_needs() -> None:
    steps = [a_step("trigger", "TRIGGER"), a_step("parse", "PARSE"), a_step("extract", "EXTRACT")]
    assert wrongs(steps, deploying=False) == []
    assert wrongs(steps) == [
        "steps[2].config: is required before a workflow with a EXTRACT step is deployed",
        "steps[0].next: must lead to exactly one step, which is the PARSE step",
        "steps[1].name: names 'parse', which no step leads to",
        "steps[2].name: names 'extract', which no step leads to",
    ]


def test_a_draft_is_refused_for_what_it_says_wrongly() -> None:
    steps = around(a_step("rules", "RULE_VALIDATION", config={"rules": [{"name": "a", "formula": "1 +"}]}))
    assert wrongs(steps, deploying=False) == [
        "steps[2].config.rules[0].formula: cannot be read: a value is missing at its end"
    ]


def test_definitions_have_a_size() -> None:
    many = around(*(a_step(f"c{number}", "COLLECT", f"c{number + 1}") for number in range(MAX_STEPS)))
    assert wrongs(many) == [f"steps: must have at most {MAX_STEPS} steps, not {MAX_STEPS + 2}"]
    large = around(a_step("c", "COLLECT", note="x" * MAX_BYTES))
    assert wrongs(large)[0].startswith(f"steps: must have at most {MAX_BYTES} bytes")
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert wrongs(around(a_step("c", "COLLECT", note=deep))) == ["steps: must be nested at most 50 levels deep"]


MODEL = {"provider": "openai", "base_url": "https://models.example.com/v1", "model": "gpt", "temperature": 0}
CLASS = {"id": "a", "type": "a", "description": "A", "keywords": ["a"], "patterns": ["a+"], "identifierKey": "number"}
EVERYTHING = around(
    a_step(
        "c",
        "CLASSIFY",
        {"step": "s", "classificationId": "a"},
        config={"classifierConfig": {"classifications": [CLASS]}, "model": MODEL},
    ),
    a_step(
        "s",
        "SPLIT",
        {"step": "e", "classificationId": "a"},
        config={"splitterConfig": {"splitClassifications": [CLASS]}, "model": MODEL},
    ),
    a_step(
        "e",
        "EXTRACT",
        "v",
        config={
            "extractorConfig": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "a": {"type": ["string", "null"], "x-pattern": "a(b)", "x-labels": ["A"], "title": "A"},
                        "b": {"enum": ["x", None]},
                        "c": {"anyOf": [{"type": "number"}, {"type": "null"}], "x-path": "$.c"},
                        "d": {"type": "array", "items": {"type": "object", "properties": {"e": {"type": "integer"}}}},
                        "f": {
                            "type": "object",
                            "extend:type": "currency",
                            "properties": {"amount": {"type": "number"}},
                        },
                    },
                }
            },
            "model": MODEL,
        },
    ),
    a_step(
        "v",
        "RULE_VALIDATION",
        {"step": "x", "result": "pass"},
        config={"rules": [{"name": "r", "formula": "ISPRESENT(e.a)", "description": "d"}]},
    ),
    a_step(
        "x",
        "EXTERNAL_DATA_VALIDATION",
        "i",
        config={
            "requestOptions": {
                "url": "https://example.com/check",
                "method": "POST",
                "headers": {"Authorization": "Bearer {{secrets.token}}"},
                "contentType": "application/json",
            },
            "failureBehavior": "EXIT",
        },
    ),
    a_step(
        "i",
        "CONDITIONAL",
        {"step": "r", "conditionId": "one"},
        config={
            "conditions": [
                {"id": "one", "type": "IF", "operation": "EQUALS", "leftOperand": "{{e.a}}", "rightOperand": "1"},
                {"id": "two", "type": "ELSE"},
            ]
        },
    ),
    a_step(
        "r",
        "ROUTER",
        {"step": "h", "branchId": "one"},
        {"step": "h", "branchId": "otherwise"},
        config={"branches": [{"id": "one", "name": "One", "formula": "e.c > 1"}]},
    ),
    a_step("h", "HUMAN_REVIEW"),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(each, (*path, key))


def with_at(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = other
    return changed


def test_everything_that_there_is_can_be_deployed_together() -> None:
    assert wrongs(EVERYTHING) == []


@pytest.mark.parametrize(
    "odd", [None, True, 1, -1.5, "", "x" * 3_000, "\ud800", [], [[]], ["a"], {}, {"a": {}}], ids=repr
)
def test_nothing_falls_over_a_value_of_another_kind_at_any_place(odd: Any) -> None:
    for path in places(EVERYTHING):
        for deploying in (True, False):
            found = problems(with_at(EVERYTHING, path, odd), deploying=deploying)
            assert all(each.place.startswith("steps") and each.message for each in found)
            assert all(len(each.message) <= 600 for each in found), found
