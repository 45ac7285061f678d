"""The life of an uploaded file: judged, kept, put into the bucket by its client, listed, removed (spec workflow runs 4.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from errands import Work, an_errand
from factories import AT
from fakes.clock import FakeClock
from fakes.run_blobs import FakeRunBlobs
from fakes.shelf import FakeShelf

from batchwork.domain.document import Unreadable, unreadable
from batchwork.domain.errors import InvalidRequest, NotFound, NotPermitted
from batchwork.domain.flow_file import MAX_FILE, FlowFile
from batchwork.domain.idempotency import Ticket
from batchwork.domain.run import FileType
from batchwork.use_cases.flow_files import FlowFiles, NewFile, Upload

PDF = b"%PDF-1.7 three pages"
LOCKED = b"%PDF-1.7 locked"
UNKNOWN = "file_" + "z" * 23
OF_RUN = "file_" + "a" * 23 + "_0"


def count(name: str, content: bytes, password: str | None) -> int:
    """Three pages, of a locked file with its password only."""
    if content == LOCKED and password != "open":
        raise unreadable(name, "it is encrypted", Unreadable.PASSWORD_PROTECTED_FILE)
    if content not in {PDF, LOCKED}:
        raise unreadable(name, "it is damaged, or not a PDF")
    return 3


class Interposed(FakeShelf[FlowFile]):
    """Lets something happen before the next change."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Callable[[], object]] = []

    def replace(self, resource: FlowFile, *events: str) -> bool:
        if self.before:
            self.before.pop(0)()
        return super().replace(resource, *events)


@dataclass
class World:
    clock: FakeClock = field(default_factory=FakeClock)
    shelf: Interposed = field(default_factory=Interposed)
    blobs: FakeRunBlobs = field(default_factory=FakeRunBlobs)

    def __post_init__(self) -> None:
        self.files = FlowFiles(self.shelf, lambda: self.blobs, count, self.clock)

    def ticket(self) -> Ticket:
        """Return the ticket of a new piece of work, a second after whatever was before."""
        return an_errand(self.clock.pass_(timedelta(seconds=1))).ticket

    def stored(self, name: str = "a.pdf", content: bytes = PDF, workspace_id: str = "acme") -> FlowFile:
        return self.files.store(workspace_id, self.files.judged(name, "", content, None), self.ticket())

    def announced(self, name: str = "a.pdf", password: str | None = None) -> Upload:
        new = self.files.announced(name, "application/pdf", password)
        return self.files.announce("acme", new, len(PDF), self.ticket())


@pytest.fixture
def world() -> World:
    return World()


# ── judged ──


@pytest.mark.parametrize(
    ("name", "declared", "content", "kind", "pages"),
    [
        ("a.pdf", "application/pdf", PDF, FileType.PDF, 3),
        ("a.txt", "text/plain", PDF, FileType.PDF, 3),
        ("a.txt", "text/plain", b"Hello", FileType.TXT, None),
        ("a.csv", "", b"a,b\n1,2\n", FileType.CSV, None),
        ("a.html", "text/html", b"<p>Hi</p>", FileType.HTML, None),
        ("a.png", "image/png", b"\x89PNG\r\n\x1a\n" + b"\0" * 20, FileType.IMG, None),
    ],
)
def test_a_file_is_what_its_bytes_say(
    world: World, name: str, declared: str, content: bytes, kind: FileType, pages: int | None
) -> None:
    new = world.files.judged(name, declared, content, None)
    assert (new.type, new.page_count) == (kind, pages)


@pytest.mark.parametrize(
    ("name", "declared", "content", "words"),
    [
        ("a.txt", "text/plain", b"", "empty"),
        ("a.pdf", "application/pdf", b"just text", "not a file of type PDF"),
        ("a.png", "image/png", b"just text", "not a file of type IMG"),
        ("a.pdf", "", b"%PDF-1.4 broken", "not a PDF"),
        ("a.zip", "application/zip", b"PK\x03\x04" + b"\0" * 60, "archive"),
        ("a.txt", "text/plain", b"\x7fELF\x02\x01", "programs"),
        ("a.bin", "text/plain", b"a\0b\0c\0", "no type that is supported"),
        ("a.pdf", "", LOCKED, "PASSWORD_PROTECTED_FILE"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(
    world: World, name: str, declared: str, content: bytes, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        world.files.judged(name, declared, content, None)
    assert [each.place for each in refused.value.problems] == ["file"]
    assert words in refused.value.problems[0].message


def test_a_locked_pdf_is_taken_with_its_password_and_no_other(world: World) -> None:
    assert world.files.judged("a.pdf", "", LOCKED, "open").page_count == 3
    with pytest.raises(InvalidRequest):
        world.files.judged("a.pdf", "", LOCKED, "wrong")


def test_a_file_beyond_the_limit_is_refused(world: World) -> None:
    assert world.files.judged("a.txt", "", b"x" * MAX_FILE, None).type is FileType.TXT
    with pytest.raises(InvalidRequest):
        world.files.judged("a.txt", "", b"x" * (MAX_FILE + 1), None)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\dir\\a.txt", "a.txt"), ("a\r\nb.txt", "ab.txt"), ("", "file")],
)
def test_a_name_has_no_folders_and_nothing_that_cannot_be_printed(world: World, name: str, kept: str) -> None:
    assert world.files.judged(name, "text/plain", b"x", None).name == kept
    assert world.files.announced(name, "text/plain", None).name == kept


# ── kept ──


def test_a_file_is_kept_with_its_bytes_under_a_key_that_its_name_is_no_part_of(world: World) -> None:
    file = world.stored("../ä.pdf")
    assert (file.name, file.type, file.size, file.page_count) == ("ä.pdf", FileType.PDF, len(PDF), 3)
    assert world.blobs.kept == {f"documents/acme/{file.id}": PDF}
    assert world.files.look("acme", file.id) == file


def test_each_try_of_one_piece_of_work_keeps_the_same_file(world: World) -> None:
    work = Work()
    new = world.files.judged("a.pdf", "", PDF, None)
    first, again = (world.files.store("acme", new, work.try_().ticket) for _ in range(2))
    assert first == again
    assert (len(world.shelf.stored), len(world.blobs.kept)) == (1, 1)


def test_no_row_is_written_for_bytes_that_could_not_be(world: World) -> None:
    work, new = Work(), world.files.judged("a.pdf", "", PDF, None)
    world.blobs.failing = ("documents/",)
    with pytest.raises(ConnectionError):
        world.files.store("acme", new, work.try_().ticket)
    assert world.shelf.stored == {}
    world.blobs.failing = ()
    assert world.files.store("acme", new, work.try_().ticket).size == len(PDF)


def test_a_password_is_kept_and_never_told(world: World) -> None:
    new = world.files.judged("a.pdf", "", LOCKED, "open")
    file = world.files.store("acme", new, world.ticket())
    assert file.password == "open"
    assert "open" not in repr(file) + repr(new)


# ── announced ──


def test_an_announced_file_has_no_type_and_no_size_until_it_is_there(world: World) -> None:
    upload = world.announced()
    assert (upload.file.type, upload.file.size) == (None, None)
    assert upload.headers["Content-Length"] == str(len(PDF))
    assert upload.expires_at == world.clock.at + timedelta(minutes=15)
    assert f"documents/acme/{upload.file.id}" in upload.url
    assert world.files.look("acme", upload.file.id) == upload.file


def test_each_try_announces_the_same_file(world: World) -> None:
    work, new = Work(), world.files.announced("a.pdf", "application/pdf", None)
    ids = {world.files.announce("acme", new, 10, work.try_().ticket).file.id for _ in range(2)}
    assert len(ids) == len(world.shelf.stored) == 1


def test_what_was_put_into_the_bucket_is_judged_at_the_first_look_and_once(world: World) -> None:
    file = world.announced().file
    world.blobs.upload(file.blob, PDF)
    at = world.clock.pass_(timedelta(seconds=1))
    looked = world.files.look("acme", file.id)
    assert (looked.type, looked.size, looked.page_count) == (FileType.PDF, len(PDF), 3)
    assert (looked.updated_at, looked.revision) == (at, 2)
    world.blobs.failing = ("documents/",)
    assert world.files.look("acme", file.id) == looked


@pytest.mark.parametrize(
    ("content", "kind"), [(b"\x7fELF", None), (b"", None), (b"x" * (MAX_FILE + 1), None), (LOCKED, FileType.PDF)]
)
def test_what_cannot_be_read_has_a_size_and_as_much_of_a_type_as_can_be_told(
    world: World, content: bytes, kind: FileType | None
) -> None:
    file = world.announced("a.bin").file
    world.blobs.upload(file.blob, content)
    looked = world.files.look("acme", file.id)
    assert (looked.type, looked.size, looked.page_count) == (kind, len(content), None)


def test_a_password_of_an_announced_file_opens_it(world: World) -> None:
    file = world.announced(password="open").file
    world.blobs.upload(file.blob, LOCKED)
    assert world.files.look("acme", file.id).page_count == 3


def test_of_two_that_look_at_once_both_see_the_same(world: World) -> None:
    file, seen = world.announced().file, list[FlowFile]()
    world.blobs.upload(file.blob, PDF)
    world.shelf.before = [lambda: seen.append(world.files.look("acme", file.id))]
    assert world.files.look("acme", file.id) == seen[0]
    assert seen[0].revision == 2


def test_a_file_that_is_removed_while_it_is_judged_is_not_found(world: World) -> None:
    file = world.announced().file
    world.blobs.upload(file.blob, PDF)
    world.shelf.before = [lambda: world.files.remove("acme", file.id, again=False)]
    with pytest.raises(NotFound):
        world.files.look("acme", file.id)
    assert world.shelf.stored == {}


# ── found, listed, removed ──


@pytest.mark.parametrize("file_id", [UNKNOWN, "file_1", "", "../x", OF_RUN])
def test_what_is_no_uploaded_file_is_not_found(world: World, file_id: str) -> None:
    with pytest.raises(NotFound):
        world.files.look("acme", file_id)


def test_another_workspaces_file_is_not_found_and_not_removed(world: World) -> None:
    file = world.stored()
    with pytest.raises(NotFound):
        world.files.look("other", file.id)
    with pytest.raises(NotFound):
        world.files.remove("other", file.id, again=False)
    assert world.files.page("other", None, 10, None).entries == []
    assert world.files.look("acme", file.id) == file


def test_files_are_listed_newest_first_or_oldest_first_and_by_part_of_their_names(world: World) -> None:
    for name in ("Invoice 1.pdf", "note.pdf", "invoice 2.pdf", "INVOICE.pdf"):
        world.stored(name)
    seen, after = list[str](), None
    while True:
        part = world.files.page("acme", after, 2, "invoice")
        seen += [each.name for each in part.entries]
        after = part.next
        if after is None:
            break
    assert seen == ["INVOICE.pdf", "invoice 2.pdf", "Invoice 1.pdf"]
    oldest = world.files.page("acme", None, 2, None, ascending=True)
    assert [each.name for each in oldest.entries] == ["Invoice 1.pdf", "note.pdf"]


def test_a_file_is_removed_with_its_bytes(world: World) -> None:
    file, other = world.stored(), world.stored()
    world.files.remove("acme", file.id, again=False)
    assert list(world.blobs.kept) == [other.blob]
    with pytest.raises(NotFound):
        world.files.look("acme", file.id)
    with pytest.raises(NotFound):
        world.files.remove("acme", file.id, again=False)
    world.files.remove("acme", file.id, again=True)


def test_a_removal_that_was_cut_short_can_be_made_again(world: World) -> None:
    file = world.stored()
    world.blobs.failing = ("documents/",)
    with pytest.raises(ConnectionError):
        world.files.remove("acme", file.id, again=False)
    world.blobs.failing = ()
    world.files.remove("acme", file.id, again=True)
    assert (world.blobs.kept, world.shelf.stored) == ({}, {})


def test_the_file_of_a_run_goes_with_its_run(world: World) -> None:
    with pytest.raises(NotPermitted):
        world.files.remove("acme", OF_RUN, again=False)


def test_a_content_type_that_is_kept_is_short_and_printable(world: World) -> None:
    new: NewFile = world.files.judged("a.txt", "text/plain; x=\x1b[31m" + "y" * 300, b"x", None)
    assert len(new.content_type) == 255
    assert new.content_type.isprintable()


def test_times_are_those_of_the_work(world: World) -> None:
    work = Work(AT)
    file = world.files.store("acme", world.files.judged("a.txt", "", b"x", None), work.try_().ticket)
    assert (file.created_at, file.updated_at) == (AT, AT)
