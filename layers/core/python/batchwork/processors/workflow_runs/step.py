"""What a type of step is: how its configuration is checked, where a file goes after it, and what it does to a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from batchwork.domain.errors import Problem
from batchwork.domain.flow_file import MAX_FILE
from batchwork.domain.item import Json
from batchwork.domain.run import Run, RunFile
from batchwork.processors.workflow_runs.scope import Scope

if TYPE_CHECKING:
    from batchwork.domain.document import Document
    from batchwork.ports import Clock, Egress
    from batchwork.ports.documents import Documents
    from batchwork.ports.messages import Providers
    from batchwork.ports.workflow_runs import RunBlobs

#: Parts that the SPLIT steps of one run may cut; each is a file of its own.
MAX_PARTS = 500
#: Bytes of those parts together: pages of a PDF that share a picture have it in each of their parts.
MAX_PART_BYTES = 3 * MAX_FILE
#: Where the run's file comes in; and after which it goes on as a whole, whatever parts came there.
TRIGGER, COLLECT = "TRIGGER", "COLLECT"


#: Statuses of a far side that is busy for now: it is asked again for some ten minutes.
BUSY = frozenset({429, 503})


class StepFailed(Exception):
    """A step could not do its work, and the run fails with it.

    reason: in one word, as runs tell it (`failureReason`). message: for the client, without secrets and content. code: of
    the item's error: 400 for what the client can mend. retryable: another try may go well; patient: it may later, since the
    far side is only busy.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        code: int = 400,
        retryable: bool = False,
        retry_after: timedelta | None = None,
        patient: bool = False,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after
        self.patient = patient


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What steps need of the world. blobs: opens the bucket, which most runs do not need."""

    documents: Documents
    egress: Egress
    providers: Providers
    blobs: Callable[[], RunBlobs]
    clock: Clock


@dataclass(slots=True, kw_only=True)
class Piece:
    """A file that steps work on: the run's own, or a part that a SPLIT step cut. scope: what is known where it is.

    content: of the run's own file, from which parts are cut, too: theirs are stored and not kept. first: the page of it that
    a part begins with. declared: the Content-Type it came with. password: opens it. document: None until PARSE read it.
    """

    file: RunFile
    content: bytes
    scope: Scope
    first: int = 1
    declared: str = ""
    password: str | None = field(default=None, repr=False)
    document: Document | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part that a SPLIT step cut, and the classification by which it goes on."""

    piece: Piece
    classification_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One step's work on one file. step: its name. run: as it was when the try began. until: when the run's time is over.

    token: idempotency token of this try for far sides. final: no other try follows. number: gives the next part its number,
    from 1. weigh: takes the bytes of a part, and returns those of all parts of the run until now.
    """

    step: str
    piece: Piece
    run: Run
    secrets: Json = field(repr=False)
    world: World
    until: datetime
    token: str
    final: bool = True
    number: Callable[[], int]
    weigh: Callable[[int], int]

    @property
    def document(self) -> Document:
        """Return what PARSE read; a definition lets nothing run before it."""
        if self.piece.document is None:
            raise StepFailed("INVALID_CONFIGURATION", f"Step {self.step} ran before the file was parsed")
        return self.piece.document

    def left(self) -> timedelta:
        """Return the time that is left. Raises StepFailed when there is none."""
        left = self.until - self.world.clock.now()
        if left <= timedelta():
            raise timed_out()
        return left


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a step made of a file. result: stored in its step run (the package `steps` has every shape).

    facts: what formulas see under the step's name. routes: the routing values whose `next` entries are taken, None for
    all of them. parts: files that go on in the file's place, each by its own classification. review: a person is to look.
    """

    result: Json | None = None
    facts: Any = None
    routes: frozenset[str] | None = None
    parts: tuple[Part, ...] | None = None
    review: bool = False


Work = Callable[[Task], Done]


@dataclass(frozen=True, slots=True)
class Node:
    """A step. work: None while it lacks its configuration, as steps of a draft may. next: (step, routing value or None)."""

    name: str
    type: str
    records: bool
    work: Work | None
    told: Json | None
    next: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """What the check of one step knows of its workflow: the names of all steps."""

    names: frozenset[str] = field(default_factory=frozenset)


class StepType(ABC):
    """A type of step. `steps/<type>.py` has one as `STEP`.

    route: the key of `next` entries that says when they are taken, None where all are. records: whether there is a step
    run of it. configured: whether it can do nothing without `config`.
    """

    route: str | None = None
    records = True
    configured = True

    def problems(self, config: Json, place: str, outline: Outline) -> Iterator[Problem]:
        """Yield what is wrong with a configuration. place: where it stands."""
        del config, place, outline
        yield from ()

    def routes(self, config: Json) -> frozenset[str]:
        """Return the values that `next` entries may name under `route`."""
        del config
        return frozenset()

    def told(self, config: Json) -> Json | None:
        """Return what step runs repeat of a configuration."""
        del config
        return None

    @abstractmethod
    def prepared(self, config: Json) -> Work:
        """Return what does the work: made once a version, used by many threads."""


def timed_out() -> StepFailed:
    """Return the error of a run that has no time left."""
    return StepFailed("TIMED_OUT", "The run took too long", code=408, retryable=True)


def wrong(place: str, message: str) -> Problem:
    """Return what is wrong at a place of a definition."""
    return Problem(place, message, "invalid_step", structural=False)
