"""Workflows and uploaded files under faults: the process dies before or after each single call of a store or of the bucket,
and the same work is tried again under its ticket; or others go on as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from engine import Died, Dying, Fuse
from errands import Work, an_errand
from factories import AT
from fakes.clock import FakeClock
from fakes.run_blobs import FakeRunBlobs
from fakes.shelf import FakeShelf

from batchwork.domain.errors import NotFound
from batchwork.domain.flow_file import FlowFile
from batchwork.domain.idempotency import Ticket
from batchwork.domain.run import FileType
from batchwork.domain.workflow import DEFAULT_STEPS, Workflow, WorkflowVersion
from batchwork.use_cases.flow_files import FlowFiles
from batchwork.use_cases.workflows import Workflows

LATER = AT + timedelta(seconds=10)


@dataclass
class World:
    clock: FakeClock = field(default_factory=lambda: FakeClock(LATER))
    flows: FakeShelf[Workflow] = field(default_factory=FakeShelf)
    versions: FakeShelf[WorkflowVersion] = field(default_factory=FakeShelf)
    shelf: FakeShelf[FlowFile] = field(default_factory=FakeShelf)
    blobs: FakeRunBlobs = field(default_factory=FakeRunBlobs)

    def __post_init__(self) -> None:
        self.flow = self.workflows().create("acme", "Invoices", None, an_errand().ticket)
        self.file = self.files().store("acme", self.files().judged("a.txt", "", b"x", None), an_errand().ticket)

    def workflows(self, fuse: Fuse | None = None) -> Workflows:
        fuse = fuse or Fuse()
        flows: Any = Dying(self.flows, fuse)
        versions: Any = Dying(self.versions, fuse)
        return Workflows(flows, versions, self.clock)

    def files(self, fuse: Fuse | None = None) -> FlowFiles:
        fuse = fuse or Fuse()
        shelf: Any = Dying(self.shelf, fuse)
        blobs: Any = Dying(self.blobs, fuse)
        return FlowFiles(shelf, lambda: blobs, lambda *_: 1, self.clock)

    def events(self) -> list[tuple[str, int]]:
        return [(event, flow.deployed) for flow, events in self.flows.told for event in events]


#: One try of a piece of work, in a process that may die.
Act = Callable[[World, Fuse | None, Ticket], object]


def create(world: World, fuse: Fuse | None, ticket: Ticket) -> object:
    return world.workflows(fuse).create("acme", "New", None, ticket)


def update(world: World, fuse: Fuse | None, _: Ticket) -> object:
    return world.workflows(fuse).update("acme", world.flow.id, "Renamed", None)


def deploy(world: World, fuse: Fuse | None, ticket: Ticket) -> object:
    return world.workflows(fuse).deploy("acme", world.flow.id, "mine", None, ticket)


def pin(world: World, fuse: Fuse | None, _: Ticket) -> object:
    return world.workflows(fuse).flow_for("acme", world.flow.id, "draft")


def store(world: World, fuse: Fuse | None, ticket: Ticket) -> object:
    files = world.files(fuse)
    return files.store("acme", files.judged("b.txt", "", b"content", None), ticket)


def announce(world: World, fuse: Fuse | None, ticket: Ticket) -> object:
    files = world.files(fuse)
    return files.announce("acme", files.announced("b.txt", "text/plain", None), 7, ticket).file


def remove(world: World, fuse: Fuse | None, ticket: Ticket) -> object:
    world.files(fuse).remove("acme", world.file.id, again=ticket.again)
    return None


def one_more_workflow(world: World) -> None:
    assert len(world.flows.stored) == 2
    assert world.events() == [("workflow.created", 0)] * 2


def renamed_once(world: World) -> None:
    flow = world.workflows().get("acme", world.flow.id)
    assert (flow.name, flow.revision) == ("Renamed", 2)


def one_version(world: World) -> None:
    assert [(each.version, each.steps) for each in world.versions.stored.values()] == [("1", DEFAULT_STEPS)]
    assert world.workflows().get("acme", world.flow.id).deployed == 1
    assert world.events() == [("workflow.created", 0), ("workflow.deployed", 1)]


def one_copy(world: World) -> None:
    assert [each.steps for each in world.versions.stored.values()] == [DEFAULT_STEPS]
    assert world.events() == [("workflow.created", 0)]


def one_more_file(world: World) -> None:
    assert len(world.shelf.stored) == 2
    for file in world.shelf.stored.values():
        assert file.size is None or len(world.blobs.get(file.blob)) == file.size


def no_file(world: World) -> None:
    assert (world.shelf.stored, world.blobs.kept) == ({}, {})


WORKS: dict[str, tuple[Act, Callable[[World], None]]] = {
    "create": (create, one_more_workflow),
    "update": (update, renamed_once),
    "deploy": (deploy, one_version),
    "pin": (pin, one_copy),
    "store": (store, one_more_file),
    "announce": (announce, one_more_file),
    "remove": (remove, no_file),
}


def calls_of(act: Act) -> int:
    fuse = Fuse()
    act(World(), fuse, Work(LATER).try_().ticket)
    return fuse.calls


@pytest.mark.parametrize("deaths", [1, 2])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", list(WORKS))
def test_work_that_died_at_any_point_ends_right_when_it_is_tried_again(name: str, after: bool, deaths: int) -> None:
    act, left = WORKS[name]
    points = calls_of(act)
    assert points >= 1
    for point in range(1, points + 1):
        world, work = World(), Work(LATER)
        for _ in range(deaths):
            with suppress(Died):
                act(world, Fuse(point, after=after), work.try_().ticket)
        first, again = (act(world, None, work.try_().ticket) for _ in range(2))
        assert first == again, point
        left(world)


@pytest.mark.parametrize("after", [False, True])
def test_a_deploy_that_died_at_any_point_takes_no_number_from_others(after: bool) -> None:
    for point in range(1, calls_of(deploy) + 1):
        world, work = World(), Work(LATER)
        with pytest.raises(Died):
            deploy(world, Fuse(point, after=after), work.try_().ticket)
        others = [
            world.workflows().deploy("acme", world.flow.id, f"theirs {number}", None, an_errand(LATER).ticket)
            for number in range(2)
        ]
        mine = world.workflows().deploy("acme", world.flow.id, "mine", None, work.try_().ticket)
        assert sorted([mine.version, *(each.version for each in others)]) == ["1", "2", "3"], point
        assert {each.name for each in world.versions.stored.values()} == {"mine", "theirs 0", "theirs 1"}
        assert world.events()[1:] == [("workflow.deployed", number) for number in (1, 2, 3)]


@pytest.mark.parametrize("after", [False, True])
def test_a_file_whose_judge_died_at_any_point_is_judged_at_the_next_look(after: bool) -> None:
    for point in range(1, 5):
        world = World()
        file = world.files().announce("acme", world.files().announced("b", "", None), 3, an_errand().ticket).file
        world.blobs.upload(file.blob, b"abc")
        with pytest.raises(Died):
            world.files(Fuse(point, after=after)).look("acme", file.id)
        looked = world.files().look("acme", file.id)
        assert (looked.type, looked.size, looked.revision) == (FileType.TXT, 3, 2), point


@pytest.mark.parametrize("after", [False, True])
def test_a_file_whose_removal_died_is_gone_or_can_be_removed_by_another_request(after: bool) -> None:
    for point in range(1, calls_of(remove) + 1):
        world = World()
        with pytest.raises(Died):
            remove(world, Fuse(point, after=after), Work().try_().ticket)
        with suppress(NotFound):
            world.files().remove("acme", world.file.id, again=False)
        no_file(world)
