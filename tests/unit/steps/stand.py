"""The family's processor over stores in memory."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from factories import AT
from fakes.clock import FakeClock
from fakes.egress import FakeEgress
from fakes.providers import FakeProvider
from fakes.run_blobs import FakeRunBlobs
from fakes.runs import FakeRuns
from fakes.shelf import FakeShelf
from run_world import RETENTION, a_flow, a_run_batch, inputs_of

from batchwork.adapters.documents.reading import DocumentReader
from batchwork.domain.batch import Batch
from batchwork.domain.flow_file import FlowFile
from batchwork.domain.item import Item, Json, Outcome
from batchwork.domain.run import Run, RunPlace
from batchwork.domain.run_input import RunInput
from batchwork.domain.workflow import WorkflowVersion, version_id
from batchwork.processors.workflow_runs.definition import problems
from batchwork.processors.workflow_runs.processor import RunsProcessor
from batchwork.processors.workflow_runs.recording import Recorder
from batchwork.processors.workflow_runs.source import Source
from batchwork.processors.workflow_runs.step import World

_numbers = itertools.count(1)


def steps_after_parse(*steps: Json) -> list[Json]:
    """Return steps behind a trigger and a parser; each leads to the next one unless it says where it leads."""
    names = [step["name"] for step in steps]
    chained = [
        step if "next" in step or at + 1 == len(steps) else {**step, "next": [{"step": names[at + 1]}]}
        for at, step in enumerate(steps)
    ]
    return [
        {"name": "trigger", "type": "TRIGGER", "next": [{"step": "parse"}]},
        {"name": "parse", "type": "PARSE", **({"next": [{"step": names[0]}]} if names else {})},
        *chained,
    ]


class Stand:
    """A processor and what it works on. timeout: of one run."""

    def __init__(self, *, timeout: float = 120) -> None:
        self.clock = FakeClock()
        self.runs, self.blobs = FakeRuns(), FakeRunBlobs()
        self.versions: FakeShelf[WorkflowVersion] = FakeShelf()
        self.files: FakeShelf[FlowFile] = FakeShelf()
        self.egress, self.provider = FakeEgress(), FakeProvider()
        self.timeout = timedelta(seconds=timeout)
        self.processor = self.started()

    def started(self) -> RunsProcessor:
        """Return the processor of a process that has just begun."""
        world = World(
            documents=DocumentReader(),
            egress=self.egress,
            providers=self.provider,
            blobs=lambda: self.blobs,
            clock=self.clock,
        )
        return RunsProcessor(
            versions=self.versions,
            recorder=Recorder(self.runs, self.clock, RETENTION),
            source=Source(self.files, lambda: self.blobs, self.egress, self.clock),
            world=world,
            item_timeout=self.timeout,
        )

    def batch(self, steps: Sequence[Json], *inputs: RunInput) -> tuple[Batch, list[Item]]:
        """Return a batch of a version with these steps, which may be a draft's, and its items."""
        assert problems(list(steps)) == []
        flow = a_flow()
        flow = a_flow(version_id=version_id(flow.workflow_id, f"draft{next(_numbers)}"))
        version = WorkflowVersion(
            id=flow.version_id,
            workspace_id="acme",
            created_at=AT,
            updated_at=AT,
            workflow_id=flow.workflow_id,
            version="draft",
            steps=tuple(steps),
        )
        assert self.versions.add(version)
        batch = a_run_batch(len(inputs), flow=flow)
        return batch, inputs_of(batch, inputs)

    def work(self, steps: Sequence[Json], given: RunInput, *, attempt: int = 1) -> tuple[Outcome, Run | None]:
        """Return what a run ends one try with, and its row."""
        batch, (item,) = self.batch(steps, given)
        return self.process(batch, item, attempt=attempt)

    def process(self, batch: Batch, item: Item, *, attempt: int = 1) -> tuple[Outcome, Run | None]:
        outcome = self.processor.process(batch, item, f"{batch.id}:{item.index}:{attempt}")
        return outcome, self.row(batch, item)

    def row(self, batch: Batch, item: Item) -> Run | None:
        return self.runs.stored.get(RunPlace("acme", batch.id, item.index))

    def run(self, steps: Sequence[Json], text: str, **given: Any) -> Run:
        """Return the row of a run of a text."""
        _, run = self.work(steps, RunInput(file_name="file.txt", text=text, **given))
        assert run is not None
        return run
