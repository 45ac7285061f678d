"""CLASSIFY: which class a file is of, how sure that is, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes.providers import FakeProvider
from unit.steps.tasks import MODEL, a_model, a_step, a_task, done, wrongs

from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.step import Done, StepFailed

INVOICE = {"id": "cls_invoice", "type": "invoice", "description": "An invoice with a number and a total"}
RECEIPT = {"id": "cls_receipt", "type": "receipt", "description": "A receipt of a shop"}
OTHER = {"id": "cls_other", "type": "other", "description": "Anything else"}


def a_config(*classes: Json, **fields: Any) -> Json:
    return {"classifierConfig": {"classifications": list(classes or (INVOICE, RECEIPT, OTHER))}, **fields}


def output(found: Done) -> Json:
    assert found.result is not None
    told: Json = found.result["output"]
    return told


def test_what_fits_two_classes_is_less_sure() -> None:
    clear = output(done("CLASSIFY", a_config(), a_task("invoice")))["confidence"]
    unclear = output(done("CLASSIFY", a_config(), a_task("invoice receipt")))["confidence"]
    assert unclear < clear


def test_words_on_any_page_count() -> None:
    assert output(done("CLASSIFY", a_config(), a_task("Cover", "A receipt")))["type"] == "receipt"


@pytest.mark.parametrize(
    ("classes", "chosen"),
    [((INVOICE, RECEIPT, OTHER), "cls_other"), ((RECEIPT, INVOICE), "cls_receipt"), ((OTHER, INVOICE), "cls_other")],
)
def test_what_fits_none_is_other_or_else_the_first_and_not_sure_at_all(classes: tuple[Json, ...], chosen: str) -> None:
    for text in ("Zzz.", ""):
        found = done("CLASSIFY", a_config(*classes), a_task(text))
        assert (output(found)["id"], output(found)["confidence"]) == (chosen, 0)
        assert found.routes == frozenset({chosen})


def test_next_entries_may_name_the_classes() -> None:
    step = a_step("CLASSIFY")
    assert step.route == "classificationId"
    assert step.routes(a_config()) == {"cls_invoice", "cls_receipt", "cls_other"}
    for odd in ({}, {"classifierConfig": 1}, {"classifierConfig": {"classifications": [1, {}, {"id": 7}]}}):
        assert step.routes(odd) == frozenset()


def test_step_runs_repeat_the_classifier_and_no_model() -> None:
    config = a_config(model=MODEL)
    assert a_step("CLASSIFY").told(config) == config["classifierConfig"]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "config.classifierConfig: must be an object"),
        ({"classifierConfig": []}, "config.classifierConfig: must be an object"),
        ({"classifierConfig": {}}, "config.classifierConfig.classifications: must be an array"),
        ({"classifier": {"id": "cl_1"}, **a_config()}, "config.classifier: is not supported"),
        (a_config(model={"provider": "lambda"}), "config.model.provider: must be one of"),
        (a_config({"id": "a"}), "config.classifierConfig.classifications[0].type: must be a text"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(config: Json, says: str) -> None:
    (problem,) = wrongs("CLASSIFY", config)
    assert problem.startswith(says)


class TestByModel:
    def asked(self, answer: Any, text: str = "Total: 5") -> tuple[Done, FakeProvider]:
        provider = a_model(answer)
        return done("CLASSIFY", a_config(model=MODEL), a_task(text, providers=provider)), provider

    def test_a_model_is_asked_with_the_classes_and_the_document_and_chooses(self) -> None:
        answer = {"classificationId": "cls_receipt", "confidence": 0.7, "reasoning": "It is short."}
        found, provider = self.asked(answer)
        told = output(found)
        assert (told["id"], told["type"], told["confidence"]) == ("cls_receipt", "receipt", 0.7)
        assert told["insights"] == [{"type": "reasoning", "content": "It is short."}]
        assert found.facts == "receipt"
        assert found.routes == frozenset({"cls_receipt"})
        (prompt,) = provider.prompts
        assert "A receipt of a shop" in prompt.message
        ((name, text),) = prompt.attachments
        assert (name, "Total: 5" in text) == ("file.txt", True)
        assert provider.timeouts == [timedelta(seconds=60)]

    @pytest.mark.parametrize(("confidence", "sure"), [(7, 1), (-1, 0), ("high", 0.5), (None, 0.5), (True, 0.5), (0, 0)])
    def test_its_confidence_is_believed_as_far_as_it_is_one(self, confidence: Any, sure: float) -> None:
        found, _ = self.asked({"classificationId": "cls_other", "confidence": confidence, "reasoning": 5})
        assert (output(found)["confidence"], output(found)["insights"]) == (sure, [])

    @pytest.mark.parametrize(
        "answer", [{"classificationId": "cls_none"}, {"classificationId": ["x"]}, {}, "no JSON", "{"]
    )
    def test_a_choice_that_there_is_not_may_go_well_at_another_try(self, answer: Any) -> None:
        with pytest.raises(StepFailed) as caught:
            self.asked(answer)
        assert (caught.value.reason, caught.value.retryable) == ("PARSING_ERROR", True)
