"""PARSE: what stands in a file, page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes.clock import FakeClock
from unit.documents.made import a_pdf, encrypted
from unit.steps.tasks import a_step, a_task, done, wrongs

from batchwork.adapters.documents.reading import DocumentReader
from batchwork.domain.document import Document, Unreadable, reason_of
from batchwork.domain.errors import UnreadableDocument
from batchwork.domain.item import Json
from batchwork.domain.run import FileType
from batchwork.processors.workflow_runs.step import Done, StepFailed, Task
from batchwork.processors.workflow_runs.steps.parse import CONTENT_LIMIT


def parsed(content: bytes, name: str = "file", **settings: Any) -> tuple[Done, Task]:
    task = a_task(content=content, name=name, parsed=False, **settings)
    return done("PARSE", {}, task), task


def result(content: bytes, name: str = "file", **settings: Any) -> Json:
    found, _ = parsed(content, name, **settings)
    assert found.result is not None
    return found.result


def test_each_page_is_a_chunk_with_its_size() -> None:
    found, task = parsed(a_pdf(b"One", b"Two"))
    assert found.result == {
        "chunks": [
            {"page": 1, "content": "One", "width": 612.0, "height": 792.0},
            {"page": 2, "content": "Two", "width": 612.0, "height": 792.0},
        ],
        "pageCount": 2,
        "type": "PDF",
        "processingTimeMs": 0,
    }
    assert found.facts == {"pageCount": 2, "type": "PDF"}
    assert (found.routes, found.parts, found.review) == (None, None, False)
    assert task.document.type is FileType.PDF


@pytest.mark.parametrize(("length", "pages"), [(0, 1), (1, 1), (4_000, 1), (4_001, 2), (40_000, 10)])
def test_a_text_counts_a_page_for_about_a_thousand_tokens(length: int, pages: int) -> None:
    assert result(b"x" * length or b"\n")["pageCount"] == pages


def test_the_time_that_it_took_is_told() -> None:
    clock = FakeClock()

    class Slow(DocumentReader):
        def read(self, name: str, content: bytes, **settings: Any) -> Document:
            clock.pass_(timedelta(milliseconds=1_234))
            return super().read(name, content, **settings)

    assert result(b"x", clock=clock, documents=Slow())["processingTimeMs"] == 1_234


def test_what_is_stored_of_a_long_text_is_cut_and_says_so() -> None:
    pages = [b"a" * (CONTENT_LIMIT - 10), b"b" * 20, b"c"]
    told = result(b"\f".join(pages))
    assert [len(chunk["content"]) for chunk in told["chunks"]] == [CONTENT_LIMIT - 10, 10, 0]
    assert told["cut"] is True
    whole = result(b"\f".join([b"a" * (CONTENT_LIMIT - 1), b"b"]))
    assert "cut" not in whole


def test_the_content_and_what_it_was_declared_as_say_what_a_file_is() -> None:
    assert result(b"a,b\n", declared="text/csv")["type"] == "CSV"
    assert result(b"a,b\n", "a.csv")["type"] == "CSV"
    assert result(a_pdf(b"x"), "a.csv", declared="text/csv")["type"] == "PDF"


def test_a_password_that_came_with_the_file_opens_it() -> None:
    locked = encrypted(a_pdf(b"secret"), user="user", owner="owner")
    assert result(locked, password="user")["chunks"][0]["content"] == "secret"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (encrypted(a_pdf(b"x"), user="user", owner="owner"), Unreadable.PASSWORD_PROTECTED_FILE),
        (b"\x7fELF\2", Unreadable.FILE_TYPE_NOT_SUPPORTED),
        (b"%PDF-1.4", Unreadable.CORRUPT_FILE),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, reason: Unreadable) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        parsed(content)
    assert reason_of(caught.value) is reason


def test_a_step_before_it_has_no_document() -> None:
    task = a_task("x")
    bare = replace(task, piece=replace(task.piece, document=None))
    with pytest.raises(StepFailed, match="before the file was parsed"):
        _ = bare.document


def test_its_configuration_is_told_and_may_say_anything_of_other_engines() -> None:
    config = {"parseConfig": {"target": "markdown", "engine": "parse_performance", "blockOptions": {}}}
    assert wrongs("PARSE", config) == []
    assert a_step("PARSE").told(config) == config["parseConfig"]
    assert a_step("PARSE").told({}) is None
    assert wrongs("PARSE", {"parseConfig": "markdown"}) == ["config.parseConfig: must be an object"]
