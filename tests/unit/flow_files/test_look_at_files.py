"""Files by their ids, wherever they are kept, and what stands in them (spec workflow runs 4.5, 4.6)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from errands import Work, an_errand
from factories import AT, a_batch, an_item
from fakes.batches import FakeBatches
from fakes.clock import FakeClock
from fakes.run_blobs import FakeRunBlobs
from fakes.shelf import FakeShelf

from batchwork.adapters.documents.contents import contents_of
from batchwork.domain.errors import NotFound, UnreadableDocument
from batchwork.domain.file_contents import FileContents
from batchwork.domain.flow_file import FlowFile
from batchwork.domain.ids import ordered_id
from batchwork.domain.run import FileType, Run, RunFile, RunPlace
from batchwork.domain.run_input import RunInput, attributes_of, run_of
from batchwork.domain.workflow import FAMILY, Flow
from batchwork.use_cases.flow_files import FlowFiles
from batchwork.use_cases.look_at_files import MAX_SHOWN, LookAtFiles

FLOW = Flow(
    workflow_id="workflow_" + "f" * 23,
    workflow_name="Invoices",
    workflow_created_at=AT,
    workflow_updated_at=AT,
    version="1",
    version_id="v",
    version_created_at=AT,
)


@dataclass
class World:
    blobs: FakeRunBlobs = field(default_factory=FakeRunBlobs)
    batches: FakeBatches = field(default_factory=FakeBatches)
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    asked: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        shelf = FakeShelf[FlowFile]()
        self.uploaded = FlowFiles(shelf, lambda: self.blobs, lambda *_: 3, FakeClock())
        self.look = LookAtFiles(self.uploaded, self._run, self.batches, lambda: self.blobs, self._parse)

    def upload(self, name: str, content: bytes, declared: str = "", password: str | None = None) -> str:
        new = self.uploaded.judged(name, declared, content, password)
        return self.uploaded.store("acme", new, an_errand().ticket).id

    def submitted(self, *inputs: RunInput) -> list[RunPlace]:
        """Accept a batch of runs that nobody has begun with."""
        work = Work()
        batch = a_batch(
            id=ordered_id("", work.try_().ticket),
            family=FAMILY,
            total=len(inputs),
            attributes=attributes_of(FLOW, "", listed=True),
        )
        items = [an_item(index=index, body=each.stored) for index, each in enumerate(inputs)]
        assert self.batches.create(batch, items, AT, work.charge())
        for item in items:
            run = run_of(batch, item)
            self.runs["acme", run.id] = run
        return [RunPlace("acme", batch.id, item.index) for item in items]

    def now(self, place: RunPlace, *files: RunFile) -> None:
        """Let a run have other files."""
        self.runs["acme", place.id] = replace(self.runs["acme", place.id], files=files)

    def _run(self, workspace_id: str, run_id: str) -> Run:
        if (workspace_id, run_id) not in self.runs:
            raise NotFound(what="Workflow run")
        return self.runs[workspace_id, run_id]

    def _parse(self, name: str, kind: FileType, declared: str, content: bytes, password: str | None) -> FileContents:
        self.asked.append(password)
        if kind is FileType.PDF:
            return FileContents(type=kind, text="read")
        return contents_of(name, kind, declared, content, password)


@pytest.fixture
def world() -> World:
    return World()


def a_file(place: RunPlace, **changes: object) -> RunFile:
    values: dict[str, object] = {"id": place.file_id, "name": "a.pdf", "type": FileType.PDF, "created_at": AT}
    return RunFile(**{**values, **changes})  # type: ignore[arg-type]


# ── uploaded ──


def test_an_uploaded_file_is_seen_with_a_url_and_its_text_as_it_stands(world: World) -> None:
    seen = world.look.find("acme", world.upload("note.txt", "Größe: 1\n".encode(), "text/plain"))
    contents = world.look.contents(seen)
    assert contents is not None
    assert contents.text == "Größe: 1\n"
    assert (world.look.url(seen) or "").endswith("get=900&name=note.txt")


@pytest.mark.parametrize(
    ("content", "declared", "text"),
    [
        ("é".encode("cp1252"), "text/plain; charset=windows-1252", "é"),
        (b"\xff\xfeA\0", "text/plain", "A"),
        (b"<p>Hi</p>", "text/html", "<p>Hi</p>"),
    ],
)
def test_a_text_is_decoded_as_it_was_declared(world: World, content: bytes, declared: str, text: str) -> None:
    contents = world.look.contents(world.look.find("acme", world.upload("a", content, declared)))
    assert contents is not None
    assert contents.text == text


def test_a_pdf_is_opened_with_the_password_it_came_with(world: World) -> None:
    world.look.contents(world.look.find("acme", world.upload("a.pdf", b"%PDF-1", password="open")))
    assert world.asked == ["open"]


def test_an_announced_file_has_neither_url_nor_contents(world: World) -> None:
    new = world.uploaded.announced("a.pdf", "application/pdf", None)
    file = world.uploaded.announce("acme", new, 10, an_errand().ticket).file
    seen = world.look.find("acme", file.id)
    assert (world.look.url(seen), world.look.contents(seen)) == (None, None)


def test_a_file_of_no_type_can_be_downloaded_and_not_read(world: World) -> None:
    new = world.uploaded.announced("a.bin", "application/pdf", None)
    file = world.uploaded.announce("acme", new, 10, an_errand().ticket).file
    world.blobs.upload(file.blob, b"\x7fELF")
    seen = world.look.find("acme", file.id)
    assert world.look.url(seen) is not None
    with pytest.raises(UnreadableDocument):
        world.look.contents(seen)


def test_a_text_that_an_answer_has_no_room_for_is_told_where_to_get(world: World) -> None:
    fits = world.look.find("acme", world.upload("a.txt", b"x" * MAX_SHOWN))
    assert world.look.contents(fits) is not None
    seen = world.look.find("acme", world.upload("a.txt", b"x" * (MAX_SHOWN + 1)))
    with pytest.raises(UnreadableDocument, match="presignedUrl"):
        world.look.contents(seen)


# ── of runs ──


def test_a_text_of_a_run_is_put_into_the_bucket_when_it_is_first_looked_at(world: World) -> None:
    (place,) = world.submitted(RunInput(file_name="text-0.txt", text="Total: 1 €\n"))
    assert world.blobs.kept == {}
    for _ in range(2):
        seen = world.look.find("acme", place.file_id)
        assert world.blobs.kept == {f"{place.prefix}source": "Total: 1 €\n".encode()}
        assert f"{place.prefix}source" in (world.look.url(seen) or "")
        contents = world.look.contents(seen)
        assert contents is not None
        assert contents.text == "Total: 1 €\n"


def test_each_run_has_the_text_of_its_own_input(world: World) -> None:
    places = world.submitted(*[RunInput(file_name="t.txt", text=f"text {number}") for number in range(25)])
    contents = world.look.contents(world.look.find("acme", places[17].file_id))
    assert contents is not None
    assert contents.text == "text 17"


def test_a_file_that_was_not_fetched_yet_has_neither_url_nor_contents(world: World) -> None:
    (place,) = world.submitted(RunInput(file_name="a.pdf", url="https://example.com/a.pdf"))
    seen = world.look.find("acme", place.file_id)
    assert (seen.file.name, world.look.url(seen), world.look.contents(seen)) == ("a.pdf", None, None)


def test_a_file_that_was_fetched_is_read_with_the_password_of_its_input(world: World) -> None:
    (place,) = world.submitted(RunInput(file_name="a.pdf", url="https://example.com/a.pdf", password="open"))
    world.now(place, a_file(place, blob=f"{place.prefix}source", page_count=2))
    world.blobs.kept[f"{place.prefix}source"] = b"%PDF-1"
    seen = world.look.find("acme", place.file_id)
    assert world.look.contents(seen) == FileContents(type=FileType.PDF, text="read")
    assert world.asked == ["open"]
    assert "open" not in repr(seen)


def test_a_part_of_a_runs_file_is_found_by_its_own_id(world: World) -> None:
    (place,) = world.submitted(RunInput(file_name="a.pdf", url="https://example.com/a.pdf"))
    part = a_file(place, id=f"{place.file_id}_1", parent_id=place.file_id, blob=f"{place.prefix}part-1")
    world.now(place, a_file(place), part)
    assert world.look.find("acme", part.id).file == part
    with pytest.raises(NotFound):
        world.look.find("acme", f"{place.file_id}_2")


def test_a_part_has_not_the_text_that_its_run_was_given(world: World) -> None:
    (place,) = world.submitted(RunInput(file_name="a.txt", text="one\ftwo"))
    part = a_file(place, id=f"{place.file_id}_0", type=FileType.TXT, parent_id=place.file_id)
    world.now(place, a_file(place, type=FileType.TXT), part)
    assert world.look.find("acme", part.id).file == part
    assert world.blobs.kept == {}


@pytest.mark.parametrize("file_id", ["file_" + "z" * 23, "file_" + "z" * 23 + "_0", "file_x", "", "media_1"])
def test_what_is_no_file_is_not_found(world: World, file_id: str) -> None:
    with pytest.raises(NotFound):
        world.look.find("acme", file_id)


def test_another_workspaces_files_are_not_found(world: World) -> None:
    (place,) = world.submitted(RunInput(file_name="t.txt", text="x"))
    for file_id in (place.file_id, world.upload("a.txt", b"x")):
        with pytest.raises(NotFound):
            world.look.find("other", file_id)


def test_a_text_whose_input_was_removed_has_no_contents_any_more(world: World) -> None:
    (place,) = world.submitted(RunInput(file_name="t.txt", text="x"))
    for ref in world.batches.items:
        world.batches.items[ref] = [an_item(index=0, body={})]
    seen = world.look.find("acme", place.file_id)
    assert (world.look.url(seen), world.look.contents(seen)) == (None, None)
