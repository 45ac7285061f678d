"""A run's way through its steps: one after the other, each once for each file that comes to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from batchwork.domain.errors import UnreadableDocument
from batchwork.domain.item import Json
from batchwork.domain.run import STEP_PREFIX, FileType, Run, RunFile, RunStatus, StepRun
from batchwork.processors.workflow_runs.source import failed_of
from batchwork.processors.workflow_runs.step import (
    COLLECT,
    TRIGGER,
    Done,
    Node,
    Piece,
    StepFailed,
    Task,
    World,
    timed_out,
)

#: A client's cancel is looked for when as much time passed since the last look.
LOOK_AGAIN = timedelta(seconds=2)
#: Steps times parts: a split of hundreds of parts through dozens of steps would never end in time, and never fit.
MAX_STEP_RUNS = 1_000
_PAGED = frozenset({FileType.PDF, FileType.DOCX})


class Cancelled(Exception):
    """A client cancelled the run while it was worked."""


@dataclass(slots=True, kw_only=True)
class Walk:
    """One try of a run. steps and files: what there is so far, also after StepFailed. review: a person is to look.

    until: when the run's time is over. final: no other try follows. cancelled: whether a client cancelled meanwhile.
    """

    run: Run
    secrets: Json = field(repr=False)
    world: World
    until: datetime
    token: str
    final: bool
    cancelled: Callable[[], bool]
    steps: list[StepRun] = field(default_factory=list)
    files: list[RunFile] = field(default_factory=list)
    review: bool = False
    _parts: int = 0
    _part_bytes: int = 0
    _worked: int = 0
    _looked: datetime | None = None

    def __call__(self, nodes: tuple[Node, ...], piece: Piece) -> None:
        """Go through the steps. Raises StepFailed (what was done until then stays) and Cancelled."""
        self.files.append(piece.file)
        self._looked = self.world.clock.now()
        waiting: dict[str, dict[str, Piece]] = {
            node.name: {piece.file.id: piece} for node in nodes if node.type == TRIGGER
        }
        for node in nodes:
            come = waiting.pop(node.name, {})
            if node.type == COLLECT and come:
                for part in come.values():
                    if part is not piece:
                        piece.scope.gather(part.scope)
                come = {piece.file.id: piece}
            for each in come.values():
                self._work(node, each, waiting)

    def _work(self, node: Node, piece: Piece, waiting: dict[str, dict[str, Piece]]) -> None:
        self._look()
        self._worked += 1
        if self._worked > MAX_STEP_RUNS:
            raise StepFailed(
                "TOO_MANY_SPLITS", f"The run has more than {MAX_STEP_RUNS} steps, those of all parts counted"
            )
        if node.work is None:
            raise StepFailed("INVALID_CONFIGURATION", f"Step {node.name} has no configuration yet")
        task = Task(
            step=node.name,
            piece=piece,
            run=self.run,
            secrets=self.secrets,
            world=self.world,
            until=self.until,
            token=self.token,
            final=self.final,
            number=self._number,
            weigh=self._weigh,
        )
        try:
            done = node.work(task)
        except UnreadableDocument as exc:
            failed = failed_of(exc)
            self._record(node, piece, RunStatus.FAILED, _told_of(failed))
            raise failed from exc
        except StepFailed as exc:
            self._record(node, piece, RunStatus.FAILED, _told_of(exc))
            raise
        self._parsed(piece)
        self._record(node, piece, RunStatus.PROCESSED, done.result)
        if done.result is not None or done.facts is not None:
            piece.scope.note(node.name, done.result, done.facts)
        self.review = self.review or done.review
        _forward(node, piece, done, waiting)
        self.files.extend(part.piece.file for part in done.parts or ())

    def _look(self) -> None:
        now = self.world.clock.now()
        if now >= self.until:
            raise timed_out()
        if self._looked is None or now - self._looked >= LOOK_AGAIN:
            self._looked = now
            if self.cancelled():
                raise Cancelled

    def _number(self) -> int:
        self._parts += 1
        return self._parts

    def _weigh(self, size: int) -> int:
        self._part_bytes += size
        return self._part_bytes

    def _parsed(self, piece: Piece) -> None:
        """Note what reading a file told of it."""
        document = piece.document
        if document is None:
            return
        pages = len(document.pages) if document.type in _PAGED else piece.file.page_count
        known = replace(piece.file, type=piece.file.type or document.type, page_count=pages)
        if known == piece.file:
            return
        self.files = [known if file is piece.file else file for file in self.files]
        piece.file = known

    def _record(self, node: Node, piece: Piece, status: RunStatus, result: Json | None) -> None:
        if not node.records:
            return
        place = self.run.place
        step = StepRun(
            id=f"{STEP_PREFIX}{place.batch_id}_{place.index}_{len(self.steps)}",
            name=node.name,
            type=node.type,
            status=str(status),
            file_ids=(piece.file.id,),
            result=result,
            config=node.told,
        )
        self.steps.append(step)


def _told_of(failed: StepFailed) -> Json:
    return {"failureReason": failed.reason, "failureMessage": failed.message}


def _forward(node: Node, piece: Piece, done: Done, waiting: dict[str, dict[str, Piece]]) -> None:
    for target, route in node.next:
        there = waiting.setdefault(target, {})
        if done.parts is not None:
            there.update({part.piece.file.id: part.piece for part in done.parts if part.classification_id == route})
        elif done.routes is None or route in done.routes:
            there[piece.file.id] = piece
