"""Rules over what was found, and where a file goes by them."""

from __future__ import annotations

from typing import Any

import pytest
from unit.steps.tasks import a_step, a_task, wrongs

from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.step import Done, Outline, Task

VALUE = {"total": 5, "items": [{"price": 1}, {"price": -1}], "name": "Acme", "none": None, "tags": ["Urgent"]}


def a_checked_task() -> Task:
    task = a_task("x", metadata={"limit": 10})
    task.piece.scope.note("extract", {"output": {"value": VALUE}}, VALUE)
    task.piece.scope.note("classify", {"output": {"id": "cls_a", "type": "invoice"}}, "invoice")
    return task


def checked(kind: str, config: Json) -> Done:
    outline = Outline(frozenset({"extract", "classify"}))
    assert list(a_step(kind).problems(config, "config", outline)) == []
    return a_step(kind).prepared(config)(a_checked_task())


def validated(*formulas: str) -> Done:
    rules = [{"name": f"rule {number}", "formula": formula} for number, formula in enumerate(formulas)]
    return checked("RULE_VALIDATION", {"rules": rules})


def test_rules_that_are_all_true_pass() -> None:
    found = validated("extract.total = 5", 'classify = "invoice"', "extract.total < metadata.limit")
    assert found.result == {"rules": [{"name": f"rule {n}", "valid": True} for n in range(3)], "allPassed": True}
    assert found.routes == frozenset({"pass"})
    assert not found.review
    assert found.facts == {"allPassed": True}


def test_a_rule_that_is_not_true_has_a_person_look() -> None:
    found = validated(
        "extract.total = 5", "extract.total = 6", "extract.none > 1", "extract.total / 0 > 1", "extract.total"
    )
    assert [each.get("failureReason") for each in (found.result or {})["rules"]] == [
        None,
        "RULE_FAILED",
        "RULE_FAILED",
        "VALUE_ERROR",
        "VALUE_ERROR",
    ]
    assert (found.result or {})["rules"][3]["error"] == "division by zero"
    assert found.routes == frozenset({"fail"})
    assert found.review


def test_a_rule_over_an_array_tells_each_of_its_values() -> None:
    (rule,) = (validated("extract.items.price > 0").result or {})["rules"]
    assert rule == {"name": "rule 0", "valid": False, "validArray": [True, False], "failureReason": "RULE_FAILED"}
    (rule,) = (validated("extract.items.price != 0").result or {})["rules"]
    assert rule == {"name": "rule 0", "valid": True, "validArray": [True, True]}


def test_a_formula_that_was_stored_and_cannot_be_read_any_more_is_a_failed_rule() -> None:
    config = {"rules": [{"name": "old", "formula": "GONE(1)"}]}
    found = a_step("RULE_VALIDATION").prepared(config)(a_checked_task())
    assert (found.result or {})["rules"] == [
        {"name": "old", "valid": False, "failureReason": "PARSE_ERROR", "error": "there is no function GONE"}
    ]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"name": "", "formula": "TRUE"}, "config.rules[0].name: must be a text"),
        ({"name": "a"}, "config.rules[0].formula: must be a text"),
        ({"name": "a", "formula": "1 +"}, "config.rules[0].formula: cannot be read"),
        ({"name": "a", "formula": "extracted.total"}, "config.rules[0].formula: names 'extracted', which is neither"),
    ],
)
def test_rules_are_checked(rule: Json, says: str) -> None:
    assert wrongs("RULE_VALIDATION", {"rules": [rule]}, names=["extract"])[0].startswith(says)


def a_router(*formulas: str) -> Json:
    return {"branches": [{"id": f"b{n}", "name": f"Branch {n}", "formula": f} for n, f in enumerate(formulas)]}


def test_a_router_takes_the_first_branch_that_holds_and_looks_no_further() -> None:
    found = checked("ROUTER", a_router("extract.total > 9", "extract.total > 1", "TRUE"))
    assert found.routes == frozenset({"b1"})
    assert found.result == {
        "matchedBranch": {"id": "b1", "name": "Branch 1"},
        "branches": [
            {"id": "b0", "name": "Branch 0", "matched": False},
            {"id": "b1", "name": "Branch 1", "matched": True},
        ],
    }


def test_a_router_goes_otherwise_where_nothing_holds() -> None:
    found = checked("ROUTER", a_router("extract.total > 9", "1 / 0 > 1", "extract.none"))
    assert found.routes == frozenset({"otherwise"})
    assert (found.result or {})["matchedBranch"] is None
    assert (found.result or {})["branches"][1]["error"] == "division by zero"


@pytest.mark.parametrize(
    ("branch", "says"),
    [
        ({"id": "otherwise", "formula": "TRUE"}, "config.branches[0].id: must be a text"),
        ({"id": "a", "formula": "TRUE", "block": {}}, "config.branches[0].block: is not supported"),
        ({"id": "a"}, "config.branches[0].formula: must be a text"),
    ],
)
def test_branches_are_checked(branch: Json, says: str) -> None:
    assert wrongs("ROUTER", {"branches": [branch]})[0].startswith(says)


def condition(operation: str, left: str | None = None, right: str | None = None) -> Json:
    first = {"id": "yes", "type": "IF", "operation": operation, "leftOperand": left, "rightOperand": right}
    return {"conditions": [first, {"id": "no", "type": "ELSE"}]}


@pytest.mark.parametrize(
    ("operation", "left", "right", "holds"),
    [
        ("EQUALS", "{{extract.output.value.name}}", "acme", True),
        ("EQUALS", "{{extract.output.value.total}}", "5.0", True),
        ("EQUALS", "{{extract.total}}", "50", False),
        ("EQUALS", "{{classify.output.id}}", "cls_a", True),
        ("EQUALS", "{{classify}}", "invoice", True),
        ("EQUALS", "{{extract.output.value.none}}", "", False),
        ("GTE", "{{extract.output.value.total}}", "5", True),
        ("GTE", "{{extract.output.value.total}}", "10", False),
        ("LTE", "{{extract.output.value.total}}", "{{metadata.limit}}", True),
        ("LTE", "{{extract.output.value.none}}", "10", False),
        ("GTE", "{{extract.output.value.items}}", "1", False),
        ("IS_NULL", "{{extract.output.value.none}}", None, True),
        ("IS_NULL", "{{extract.output.value.nowhere}}", None, True),
        ("IS_NULL", "{{extract.output.value.total}}", None, False),
        ("CONTAINS", "{{extract.output.value.tags}}", "urgent", True),
        ("CONTAINS", "{{extract.output.value.name}} Ltd.", "ME LTD", True),
        ("CONTAINS", "{{extract.output.value.none}}", "x", False),
        ("NO_OP", None, None, True),
    ],
)
def test_a_condition_compares_what_its_operands_stand_for(
    operation: str, left: str | None, right: str | None, holds: bool
) -> None:
    found = checked("CONDITIONAL", condition(operation, left, right))
    assert found.routes == frozenset({"yes" if holds else "no"})
    assert found.result is None


def test_without_an_else_nothing_may_be_taken() -> None:
    config = {"conditions": condition("IS_NULL", "{{extract.total}}")["conditions"][:1]}
    assert checked("CONDITIONAL", config).routes == frozenset()


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ([{"id": "a", "type": "ELSE"}], "config.conditions[0].type: must be IF at this place"),
        (
            [{"id": "a", "type": "IF", "operation": "LIKE"}],
            "config.conditions[0].operation: must be one of EQUALS, GTE",
        ),
        ([{"id": "a", "type": "IF", "operation": "EQUALS"}], "config.conditions[0].leftOperand: must be a text"),
        (
            [{"id": "a", "type": "IF", "operation": "IS_NULL", "leftOperand": "{{nowhere.a}}"}],
            "config.conditions[0].leftOperand: names 'nowhere.a'",
        ),
        (
            [{"id": "a", "type": "IF", "operation": "NO_OP"}, {"id": "a", "type": "ELSE"}],
            "config.conditions[1].id: must be a text that is not empty, and unique",
        ),
    ],
)
def test_conditions_are_checked(conditions: list[Any], says: str) -> None:
    assert any(each.startswith(says) for each in wrongs("CONDITIONAL", {"conditions": conditions}))
