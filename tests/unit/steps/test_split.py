"""SPLIT: a file of several documents becomes a file for each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes.run_blobs import FakeRunBlobs
from unit.documents.made import a_pdf, a_workbook, encrypted
from unit.steps.tasks import MODEL, a_document, a_model, a_step, a_task, done, read, wrongs

from batchwork.adapters.documents.reading import DocumentReader
from batchwork.domain.item import Json
from batchwork.domain.run import FileType, place_of_file
from batchwork.processors.workflow_runs.step import Done, Part, StepFailed, Task
from batchwork.processors.workflow_runs.steps import split

INVOICE = {"id": "cls_invoice", "type": "invoice", "description": "An invoice", "keywords": ["invoice"]}
RECEIPT = {"id": "cls_receipt", "type": "receipt", "description": "A receipt", "keywords": ["receipt"]}
OTHER = {"id": "cls_other", "type": "other", "description": "Anything else", "keywords": []}
NUMBERED = {**INVOICE, "identifierKey": "Extract the invoice number from the document header"}


def a_config(*classes: Json, **fields: Any) -> Json:
    return {"splitterConfig": {"splitClassifications": list(classes or (INVOICE, RECEIPT))}, **fields}


def splits_of(found: Done) -> list[Json]:
    assert found.result is not None
    splits: list[Json] = found.result["output"]["splits"]
    return splits


def cut(*pages: str, classes: tuple[Json, ...] = (INVOICE, RECEIPT)) -> list[tuple[str, int, int]]:
    """Return (type, first page, last page) of what pages are cut into."""
    found = done("SPLIT", a_config(*classes), a_task(*pages))
    return [(each["type"], each["startPage"], each["endPage"]) for each in splits_of(found)]


def parts_of(found: Done) -> tuple[Part, ...]:
    assert found.parts is not None
    return found.parts


class TestWhereDocumentsBegin:
    def test_a_page_with_words_of_a_class_begins_one_and_others_go_on_with_it(self) -> None:
        assert cut("Invoice 1\nTotal: 10", "more of it", "Receipt", "Invoice 2") == [
            ("invoice", 1, 2),
            ("receipt", 3, 3),
            ("invoice", 4, 4),
        ]

    def test_every_page_is_in_one_part(self) -> None:
        assert cut("Invoice") == [("invoice", 1, 1)]
        assert cut("Invoice", "", "") == [("invoice", 1, 3)]

    def test_first_pages_of_no_class_are_other_or_else_of_the_first_class(self) -> None:
        assert cut("Cover", "letter", "Receipt") == [("invoice", 1, 2), ("receipt", 3, 3)]
        with_other = cut("Cover", "letter", "Receipt", classes=(INVOICE, RECEIPT, OTHER))
        assert with_other == [("other", 1, 2), ("receipt", 3, 3)]
        assert cut("Cover", classes=(RECEIPT, OTHER)) == [("other", 1, 1)]

    def test_the_class_of_which_most_is_found_is_the_pages_own(self) -> None:
        classes = ({**INVOICE, "keywords": ["invoice", "amount due"]}, RECEIPT)
        assert cut("Receipt of invoice; amount due: 5", classes=classes) == [("invoice", 1, 1)]

    def test_patterns_begin_a_document_too(self) -> None:
        shaped = {"id": "order", "type": "order", "description": "", "patterns": [r"(?m)^ORDER (\d+)$"]}
        assert cut("ORDER 1", "our ORDER 1 goes on", "ORDER 2", classes=(shaped,)) == [("order", 1, 2), ("order", 3, 3)]

    def test_without_any_the_words_of_the_type_do_and_those_of_its_description_do_not(self) -> None:
        bare = [{"id": name, "type": name, "description": "with a date"} for name in ("invoice", "bank_statement")]
        pages = ("Invoice", "the date", "Bank Statement", "the bank", "a statement")
        assert cut(*pages, classes=tuple(bare)) == [("invoice", 1, 2), ("bank_statement", 3, 5)]


class TestIdentifiers:
    def identifiers(self, *pages: str, of: Json) -> list[tuple[str, int, int]]:
        found = splits_of(done("SPLIT", a_config(of), a_task(*pages)))
        return [(each["identifier"], each["startPage"], each["endPage"]) for each in found]

    @pytest.mark.parametrize(
        "rule", ["Extract the invoice number from the document header", "invoice_number", "The invoice number."]
    )
    def test_an_identifier_is_what_follows_the_label_that_the_rule_names(self, rule: str) -> None:
        of = {**INVOICE, "identifierKey": rule}
        assert self.identifiers("Invoice Number: INV-7\nTotal: 5", of=of) == [("INV-7", 1, 1)]

    def test_pages_with_the_same_identifier_are_one_document(self) -> None:
        pages = ("Invoice number: INV-7", "Invoice No.: INV-7, page 2", "Invoice number: INV-8", "Invoice, the end")
        assert self.identifiers(*pages[:1], pages[0], *pages[2:], of=NUMBERED) == [
            ("INV-7", 1, 2),
            ("INV-8", 3, 3),
            ("", 4, 4),
        ]

    def test_an_identifier_is_what_the_group_of_a_pattern_finds(self) -> None:
        of = {**INVOICE, "patterns": [r"Nr\. (\d+)"]}
        assert self.identifiers("Invoice Nr. 77", "Invoice Nr. 77", "Invoice Nr. 78", of=of) == [
            ("77", 1, 2),
            ("78", 3, 3),
        ]

    def test_without_either_it_is_empty_and_each_page_begins_anew(self) -> None:
        assert self.identifiers("Invoice 7", "Invoice 7", of=INVOICE) == [("", 1, 1), ("", 2, 2)]


class TestParts:
    def of_pdf(self, **settings: Any) -> tuple[Done, Task, FakeRunBlobs]:
        content, blobs = a_pdf(b"Invoice 1", b"more of it", b"Receipt"), FakeRunBlobs()
        password = settings.get("password")
        document = DocumentReader().read("file.pdf", content)
        if password is not None:
            content = encrypted(content, user=password, owner="owner")
        task = a_task(document=document, content=content, name="many.pdf", blobs=blobs, **settings)
        return done("SPLIT", a_config(), task), task, blobs

    def test_a_part_of_a_pdf_is_a_pdf_of_its_pages(self) -> None:
        found, task, blobs = self.of_pdf()
        invoice, receipt = (part.piece for part in parts_of(found))
        assert invoice.file.blob is not None
        assert invoice.file.blob.startswith(task.run.place.prefix)
        stored = blobs.kept[invoice.file.blob]
        assert blobs.types[invoice.file.blob] == "application/pdf"
        assert [page.text for page in read("part", stored).pages] == ["Invoice 1", "more of it"]
        assert [page.text for page in read("part", blobs.kept[receipt.file.blob or ""]).pages] == ["Receipt"]
        assert len(blobs.kept) == 2

    def test_an_encrypted_pdfs_parts_need_no_password(self) -> None:
        found, _, blobs = self.of_pdf(password="open sesame")
        stored = blobs.kept[parts_of(found)[0].piece.file.blob or ""]
        assert [page.text for page in read("part", stored).pages] == ["Invoice 1", "more of it"]

    @pytest.mark.parametrize("password", [None, "open sesame"])
    def test_a_part_can_be_cut_again(self, password: str | None) -> None:
        pages = ("Receipt", "Invoice 1", "Invoice 2", "Receipt")
        content, blobs = a_pdf(*(page.encode() for page in pages)), FakeRunBlobs()
        document = DocumentReader().read("file.pdf", content)
        if password is not None:
            content = encrypted(content, user=password, owner="owner")
        task = a_task(document=document, content=content, name="many.pdf", password=password, blobs=blobs)
        outer = parts_of(done("SPLIT", a_config({**INVOICE, "keywords": ["1"]}, RECEIPT), task))[1].piece
        inner = parts_of(done("SPLIT", a_config(INVOICE), replace(task, piece=outer)))
        assert [part.piece.file.parent_id for part in inner] == [outer.file.id] * 2
        stored = [read("part", blobs.kept[part.piece.file.blob or ""]) for part in inner]
        assert [[page.text for page in each.pages] for each in stored] == [["Invoice 1"], ["Invoice 2"]]

    def test_bytes_of_parts_are_not_kept_in_memory(self) -> None:
        found, task, _ = self.of_pdf()
        assert all(part.piece.content is task.piece.content for part in parts_of(found))

    def test_parts_of_too_many_bytes_together_fail_the_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _, _, blobs = self.of_pdf()
        first, second = (len(kept) for kept in blobs.kept.values())
        monkeypatch.setattr(split, "MAX_PART_BYTES", first + second)
        self.of_pdf()
        monkeypatch.setattr(split, "MAX_PART_BYTES", first + second - 1)
        with pytest.raises(StepFailed, match="bytes together") as caught:
            self.of_pdf()
        assert (caught.value.reason, caught.value.retryable) == ("FILE_SIZE_TOO_LARGE", False)

    def test_a_part_is_a_file_of_the_run_that_names_its_parent(self) -> None:
        found, task, _ = self.of_pdf()
        first, second = (part.piece.file for part in parts_of(found))
        place = task.run.place
        assert place_of_file(place.workspace_id, first.id) == (place, 1)
        assert place_of_file(place.workspace_id, second.id) == (place, 2)
        assert (first.type, first.page_count, first.parent_id) == (FileType.PDF, 2, task.piece.file.id)
        split = splits_of(found)[0]
        shared = ("id", "type", "identifier", "startPage", "endPage")
        assert first.split == {name: split[name] for name in shared}
        assert (split["fileId"], split["name"], split["classificationId"]) == (first.id, first.name, "cls_invoice")
        assert "invoice" in first.name

    def test_a_part_has_its_pages_numbered_anew_and_knows_what_came_before(self) -> None:
        found, task, _ = self.of_pdf()
        task.piece.scope.note("before", None, {"a": 1})
        last = parts_of(found)[1].piece
        assert last.document is not None
        assert [(page.number, page.text) for page in last.document.pages] == [(1, "Receipt")]
        last.scope.note("after", None, "inner")
        assert last.scope.value(["before", "a"]) == 1
        assert task.piece.scope.seen("after") is None

    def test_parts_go_on_by_their_classes(self) -> None:
        found, _, _ = self.of_pdf()
        assert [part.classification_id for part in parts_of(found)] == ["cls_invoice", "cls_receipt"]

    def test_formulas_see_the_splits(self) -> None:
        found, _, _ = self.of_pdf()
        assert (found.facts["count"], found.facts["splits"]) == (2, splits_of(found))

    @pytest.mark.parametrize("kind", [FileType.TXT, FileType.HTML, FileType.DOCX])
    def test_a_part_of_anything_else_is_the_text_of_its_pages(self, kind: FileType) -> None:
        blobs = FakeRunBlobs()
        task = a_task(document=a_document("Invoice", "über", "Receipt", kind=kind), blobs=blobs)
        found = done("SPLIT", a_config(), task)
        first = parts_of(found)[0].piece
        assert first.file.blob is not None
        assert (first.file.type, first.file.name[-4:]) == (FileType.TXT, ".txt")
        assert blobs.types[first.file.blob].startswith("text/plain")
        assert [page.text for page in read(first.file.name, blobs.kept[first.file.blob]).pages] == ["Invoice", "über"]

    def test_a_part_of_a_workbook_keeps_its_rows_for_the_steps_after_it(self) -> None:
        content = a_workbook({"Invoice": [["Invoice"], ["Item", "Price"], ["Bolt", 2]], "Receipt": [["Receipt"]]})
        found = done("SPLIT", a_config(), a_task(document=read("a.xlsx", content), content=content, name="a.xlsx"))
        first = parts_of(found)[0].piece
        assert first.document is not None
        assert first.document.pages[0].rows == (("Invoice",), ("Item", "Price"), ("Bolt", "2"))

    def test_another_try_makes_the_same_parts(self) -> None:
        task = a_task("Invoice", "Receipt")
        again = replace(task, number=iter((1, 2)).__next__)
        config = a_config()
        one, two = done("SPLIT", config, task), done("SPLIT", config, again)
        assert splits_of(one) == splits_of(two)
        assert [part.piece.file.id for part in parts_of(one)] == [part.piece.file.id for part in parts_of(two)]

    def test_nothing_is_cut_once_the_time_is_over(self) -> None:
        blobs = FakeRunBlobs()
        with pytest.raises(StepFailed) as caught:
            done("SPLIT", a_config(), a_task("Invoice", seconds=0, blobs=blobs))
        assert (caught.value.reason, blobs.kept) == ("TIMED_OUT", {})


class TestByModel:
    def asked(self, documents: Any) -> list[tuple[str, int, int, str, str]]:
        answer = {"documents": documents} if not isinstance(documents, str) else documents
        task = a_task("One", "Two", "Three", providers=a_model(answer))
        found = splits_of(done("SPLIT", a_config(model=MODEL), task))
        names = ("type", "startPage", "endPage", "identifier", "observation")
        return [tuple(each[name] for name in names) for each in found]

    @pytest.mark.parametrize(
        "documents",
        [
            [],
            [("cls_invoice", 1, 2)],
            [("cls_invoice", 1, 4)],
            [("cls_invoice", 2, 3)],
            [("cls_invoice", 0, 3)],
            [("cls_invoice", 1, 2), ("cls_invoice", 2, 3)],
            [("cls_invoice", 3, 3), ("cls_invoice", 1, 2)],
            [("cls_none", 1, 3)],
            [("cls_invoice", "1", 3)],
            [("cls_invoice", True, 3)],
            [("cls_invoice", 1, 10**30)],
            [(["cls_invoice"], 1, 3)],
            "all of it",
        ],
    )
    def test_pages_that_it_does_not_divide_may_be_divided_at_another_try(self, documents: Any) -> None:
        if isinstance(documents, list):
            names = ("classificationId", "startPage", "endPage")
            documents = [dict(zip(names, each, strict=True)) for each in documents]
        with pytest.raises(StepFailed) as caught:
            self.asked(documents)
        assert (caught.value.reason, caught.value.retryable) == ("PARSING_ERROR", True)

    @pytest.mark.parametrize("documents", ["null", [1, 2], {"a": 1}])
    def test_what_is_no_list_of_documents_divides_nothing(self, documents: Any) -> None:
        with pytest.raises(StepFailed):
            self.asked(documents)


class TestConfiguration:
    def test_next_entries_may_name_the_classes(self) -> None:
        step = a_step("SPLIT")
        assert step.route == "classificationId"
        assert step.routes(a_config()) == {"cls_invoice", "cls_receipt"}
        for odd in ({}, {"splitterConfig": 1}, {"splitterConfig": {"splitClassifications": [1, {}, {"id": []}]}}):
            assert step.routes(odd) == frozenset()

    def test_step_runs_repeat_the_splitter_and_no_model(self) -> None:
        config = a_config(model=MODEL)
        assert a_step("SPLIT").told(config) == config["splitterConfig"]

    @pytest.mark.parametrize(
        ("config", "says"),
        [
            ({}, "config.splitterConfig: must be an object"),
            ({"splitterConfig": {}}, "config.splitterConfig.splitClassifications: must be an array"),
            ({"splitterConfig": {"splitClassifications": 7}}, "config.splitterConfig.splitClassifications: must be an"),
            ({"splitter": {"id": "spl_1"}, **a_config()}, "config.splitter: is not supported"),
            (a_config({**INVOICE, "identifierKey": 7}), "config.splitterConfig.splitClassifications[0].identifierKey"),
            (a_config(model={"provider": "lambda"}), "config.model.provider: must be one of"),
        ],
    )
    def test_what_is_wrong_is_told_at_its_place(self, config: Json, says: str) -> None:
        (problem,) = wrongs("SPLIT", config)
        assert problem.startswith(says)

    def test_a_key_that_is_null_is_none(self) -> None:
        assert wrongs("SPLIT", a_config({**INVOICE, "identifierKey": None})) == []
