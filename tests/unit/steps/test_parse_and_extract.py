"""A file to text, and text to fields: what the step runs of both store."""

from __future__ import annotations

from typing import Any

import pytest
from unit.documents.made import a_png, a_workbook
from unit.steps.tasks import MODEL, a_document, a_model, a_task, done, wrongs

from batchwork.domain.errors import UnreadableDocument
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.step import StepFailed
from batchwork.processors.workflow_runs.steps.parse import CONTENT_LIMIT

SCHEMA = {
    "type": "object",
    "properties": {
        "number": {"type": ["string", "null"]},
        "total": {"type": "number"},
        "day": {"type": "string", "extend:type": "date"},
        "state": {"enum": ["open", "closed", None]},
        "items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
        "vendor": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
}


def parsed(name: str, content: bytes, **more: Any) -> tuple[Json, Any]:
    task = a_task(name=name, content=content, parsed=False, **more)
    found = done("PARSE", {}, task)
    assert found.result is not None
    assert task.piece.document is not None
    return found.result, found.facts


def test_a_text_is_told_page_by_page() -> None:
    result, facts = parsed("a.txt", b"one\ftwo")
    assert result == {
        "chunks": [{"page": 1, "content": "one"}, {"page": 2, "content": "two"}],
        "pageCount": 2,
        "type": "TXT",
        "processingTimeMs": 0,
    }
    assert facts == {"pageCount": 2, "type": "TXT"}


def test_sheets_have_names_and_images_a_size() -> None:
    result, _ = parsed("a.xlsx", a_workbook({"Items": [["a", 1]], "More": [["b"]]}))
    assert [chunk["sheet"] for chunk in result["chunks"]] == ["Items", "More"]
    result, _ = parsed("a.png", a_png(4, 3))
    assert result["chunks"] == [{"page": 1, "content": "", "width": 4.0, "height": 3.0}]


def test_a_text_without_pages_counts_one_for_about_a_thousand_tokens() -> None:
    result, _ = parsed("a.txt", b"x" * 4_001)
    assert result["pageCount"] == 2


def test_a_long_text_is_cut_in_the_result_and_whole_for_the_steps_after_it() -> None:
    task = a_task(content=b"x" * (CONTENT_LIMIT + 1), parsed=False)
    result = done("PARSE", {"parseConfig": {"target": "markdown"}}, task).result or {}
    assert result["cut"] is True
    assert len(result["chunks"][0]["content"]) == CONTENT_LIMIT
    assert len(task.document.text) == CONTENT_LIMIT + 1


def test_a_file_that_cannot_be_read_says_so() -> None:
    with pytest.raises(UnreadableDocument, match="compressed files are not supported"):
        parsed("a.txt", b"\x1f\x8b\x08\x00")


def test_nothing_is_parsed_once_the_time_is_over() -> None:
    with pytest.raises(StepFailed, match="too long"):
        parsed("a.txt", b"one", seconds=0)


def test_what_a_parser_is_told_is_an_object() -> None:
    assert wrongs("PARSE", {"parseConfig": []}) == []
    assert wrongs("PARSE", {"parseConfig": "markdown"}) == ["config.parseConfig: must be an object"]


def test_fields_are_told_with_their_citations() -> None:
    found = done("EXTRACT", {"extractorConfig": {"schema": SCHEMA}}, a_task("Number: 7", "Total: $5"))
    output = (found.result or {})["output"]
    assert found.facts == output["value"]
    assert (output["value"]["number"], output["value"]["total"]) == ("7", 5)
    assert output["metadata"]["total"]["citations"] == [{"page": 2, "referenceText": "Total: $5"}]


def extracted(answer: Any, *texts: str) -> Json:
    config = {"extractorConfig": {"schema": SCHEMA, "extractionRules": "Be exact."}, "model": MODEL}
    task = a_task(document=a_document(*texts), providers=a_model(answer))
    result: Json = done("EXTRACT", config, task).result or {}
    output: Json = result["output"]
    return output


def test_a_model_extracts_where_one_is_configured() -> None:
    value = {"number": "INV-7", "total": 5, "state": "open", "items": [{"sku": "Q-9"}], "vendor": {"name": "Acme"}}
    output = extracted({"value": value, "confidence": {"number": 0.5}}, "cover", "INV-7 of Acme")
    assert output["value"] == {**value, "day": None}
    assert output["metadata"]["number"] == {
        "ocrConfidence": None,
        "logprobsConfidence": 0.5,
        "citations": [{"page": 2, "referenceText": "INV-7"}],
    }
    assert output["metadata"]["items[0].sku"]["citations"] == []
    assert output["metadata"]["day"]["logprobsConfidence"] is None


def test_what_a_model_answers_beside_the_schema_is_left_out() -> None:
    value = {"number": {"a": 1}, "total": "about $5", "day": "4 March 2025", "state": "lost", "items": "A", "extra": 1}
    output = extracted({"value": value}, "x")
    assert output["value"] == {
        "number": None,
        "total": 5,
        "day": "2025-03-04",
        "state": None,
        "items": [],
        "vendor": {"name": None},
    }


def test_a_model_may_answer_in_a_code_fence_and_in_odd_characters() -> None:
    output = extracted('```json\n{"value": {"number": "a\\ud800b", "total": 1e999}}\n```', "x")
    assert output["value"]["number"].encode() == "a\ufffdb".encode()
    assert output["value"]["total"] is None


def test_an_extractor_is_given_by_its_schema() -> None:
    assert wrongs("EXTRACT", {"extractor": {"id": "ex_1", "version": "1"}})[0].startswith(
        "config.extractor: is not supported"
    )
    assert wrongs("EXTRACT", {"extractorConfig": {}}) == [
        "config.extractorConfig.schema: must be a JSON Schema of an object with properties"
    ]
