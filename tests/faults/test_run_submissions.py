"""Requests for runs under faults: the process dies before or after each single call of a store or of the queue, what it read
changes, and the same request is made again under its ticket.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from engine import Died, Dying, Fuse
from errands import Work, an_errand
from factories import AT, a_caller
from fakes.batches import FakeBatches
from fakes.clock import FakeClock
from fakes.queues import FakeWorkQueue
from fakes.shelf import FakeShelf

from batchwork.domain.batch import Batch
from batchwork.domain.flow_file import FlowFile
from batchwork.domain.item import Json
from batchwork.domain.run_input import RunInput, flow_of
from batchwork.domain.workflow import Workflow, WorkflowVersion
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs.submissions import RunSubmitter
from batchwork.use_cases.once import Errand
from batchwork.use_cases.submit import Submit
from batchwork.use_cases.workflows import Workflows

FILE = "file_" + "f" * 23
LATER = timedelta(seconds=10)


@dataclass
class World:
    """What outlives the process that dies."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(AT))
    batches: FakeBatches = field(default_factory=FakeBatches)
    queue: FakeWorkQueue = field(default_factory=FakeWorkQueue)
    flows: FakeShelf[Workflow] = field(default_factory=FakeShelf)
    versions: FakeShelf[WorkflowVersion] = field(default_factory=FakeShelf)
    files: FakeShelf[FlowFile] = field(default_factory=FakeShelf)

    def __post_init__(self) -> None:
        self.flow = self._workflows(Fuse()).create("acme", "Invoices", None, an_errand().ticket)
        self.deploy()
        file = FlowFile(
            id=FILE, workspace_id="acme", created_at=AT, updated_at=AT, name="a.pdf", content_type="application/pdf"
        )
        assert self.files.add(file)

    def deploy(self) -> None:
        self._workflows(Fuse()).deploy("acme", self.flow.id, None, None, an_errand().ticket)

    def remove_file(self) -> None:
        self.files.remove("acme", FILE)

    def send(self, path: str, errand: Errand, fuse: Fuse | None = None) -> Response:
        """Make the request, in a process that may die."""
        fuse = fuse or Fuse()
        batches: Any = Dying(self.batches, fuse)
        queue: Any = Dying(self.queue, fuse)
        files: Any = Dying(self.files, fuse)
        submitter = RunSubmitter(
            submit=Submit(batches, queue, self.clock, timedelta(hours=24), lambda _: None),
            workflows=self._workflows(fuse),
            files=files,
            check_url=lambda _: None,
        )
        body: Json = {"workflowId": self.flow.id}
        if path.endswith("batch"):
            body["inputs"] = [{"file": {"fileId": FILE}}, {"rawText": "Total: 5"}]
        else:
            body["files"] = [{"fileId": FILE}, {"fileUrl": "https://files.example.com/b.pdf"}]
        request = Request(method="POST", resource=path, path=path, body=json.dumps(body).encode())
        act = submitter.routes()["POST", path].serve(request, a_caller())
        assert not isinstance(act, Response)
        return act(errand)

    def all(self) -> list[Batch]:
        return self.batches.find("acme", "workflow_runs", None, 0, 100).entries

    def _workflows(self, fuse: Fuse) -> Workflows:
        flows: Any = Dying(self.flows, fuse)
        versions: Any = Dying(self.versions, fuse)
        return Workflows(flows, versions, self.clock)


PATHS = ["/workflow_runs/batch", "/workflow_runs"]


def points(path: str) -> int:
    fuse = Fuse()
    World().send(path, Work().try_(), fuse)
    return fuse.calls


@pytest.mark.parametrize("path", PATHS)
def test_a_request_makes_as_many_calls_as_the_schedules_below_break(path: str) -> None:
    """Workflow, version, files, the batch, the queue."""
    assert points(path) == 5


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("path", PATHS)
def test_who_asks_for_runs_may_die_at_any_call_and_asking_again_makes_no_second_batch(path: str, after: bool) -> None:
    # Break: RunSubmitter._accepted, give the batch an id of its own, or read the workflow before it resumes.
    for point in range(1, points(path) + 1):
        world, work = World(), Work()
        with suppress(Died):
            world.send(path, work.try_(), Fuse(point, after=after))
        accepted = world.all()
        world.clock.pass_(LATER)
        world.deploy()
        if accepted:
            world.remove_file()
        answers = [world.send(path, work.try_()) for _ in range(2)]
        (batch,) = world.all()
        assert (batch.total, [answer.status for answer in answers]) == (2, [200, 200])
        assert answers[0].text == answers[1].text
        assert batch.id in answers[0].text
        assert flow_of(batch).version == ("1" if accepted else "2")
        items = [item for chunk in range(batch.cut.chunks) for item in world.batches.chunk(batch, chunk).items]
        assert RunInput.of(items[0]).file_name == "a.pdf"
        assert world.queue.take(), "its chunks are queued again, whatever became of the first time"


@pytest.mark.parametrize("point", range(1, 4))
def test_what_dies_before_the_batch_leaves_nothing_and_costs_nothing(point: int) -> None:
    for after in (False, True):
        world = World()
        with pytest.raises(Died):
            world.send(PATHS[0], Work().try_(), Fuse(point, after=after))
        assert world.all() == []
        assert not world.queue.take()
