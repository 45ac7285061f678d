"""What the use cases need of the world: every Protocol on one page.

Each has a real adapter and an in-memory twin (tests/fakes), and both pass the same contract tests.
A method that closes a race names the race.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from batchwork.domain.agent import Agent, AgentVersion, ProviderChoice
    from batchwork.domain.batch import Batch, BatchRef, BatchStatus, StopCause, Tally
    from batchwork.domain.chat import Chat, StoredFile, Turn
    from batchwork.domain.chunk import Unit
    from batchwork.domain.item import Deferral, Item, Json, Outcome, Result
    from batchwork.domain.lease import ChunkState, Lease
    from batchwork.domain.webhook import Attempt, Delivery, DeliveryStatus
    from batchwork.domain.workspace import ApiKey, Workspace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list, and how many entries the whole list has."""

    entries: list[T]
    total: int


class Clock(Protocol):
    """Time and chance."""

    def now(self) -> datetime:
        """Return the time: aware, UTC."""

    def chance(self) -> float:
        """Return a uniform random number in [0, 1), for jitter."""


# ── the engine ──────────────────────────────────────────────────────────────────────────────────────────────────────


class BatchStore(Protocol):
    """Headers, chunks, leases, results."""

    def create(self, batch: Batch, items: Sequence[Item], check_at: datetime) -> None:
        """Store the inputs, then the header: a header that can be read has all its inputs.

        check_at: when the sweeper first looks at it.
        """

    def get(self, ref: BatchRef) -> Batch | None:
        """Return the header, strongly consistent."""

    def find(self, workspace_id: str, family: str, status: BatchStatus | None, offset: int, limit: int) -> Page[Batch]:
        """Return headers, newest first; total counts what the status filter leaves."""

    def chunk(self, batch: Batch, chunk: int) -> ChunkState:
        """Return all that is stored of a chunk, strongly consistent; without items when its inputs cannot be read."""

    def lease(self, batch: Batch, unit: Unit, lease: Lease, now: datetime) -> bool:
        """Take a unit, unless it is settled, somebody else's lease still runs, or the lease's attempt was made already:
        closes worker against worker.
        """

    def settle(
        self, batch: Batch, unit: Unit, token: str, results: Sequence[Result], deferred: Sequence[Deferral]
    ) -> bool:
        """Write a leased unit's final results, if the token still holds it: closes a worker that outlived its lease."""

    def give_back(self, batch: Batch, unit: Unit, token: str, deferral: Deferral) -> bool:
        """End the lease of a single unit whose item is to be tried again, if the token still holds it."""

    def settle_free(self, batch: Batch, unit: Unit, results: Sequence[Result], now: datetime) -> bool:
        """Write the final results of a unit nobody holds: closes canceller, sweeper and worker against each other."""

    def count(self, batch: Batch, tallies: Sequence[Tally]) -> Batch:
        """Add settled units to the header's counts, all or none, and return the header as it now is.

        Raises AlreadyCounted when one of them is counted: closes redelivery.
        """

    def stop(self, ref: BatchRef, cause: StopCause, reason: str | None, check_at: datetime) -> Batch | None:
        """Keep further items of a batch from starting; a cancel moves the status to cancelling.

        Returns the header, or None when the batch is not in progress, has nothing left, or is stopped by a cause other
        than its deadline: closes cancel against cancel and against completion.
        """

    def close(self, batch: Batch, status: BatchStatus, now: datetime, delivery: Delivery | None) -> bool:
        """Write the terminal status and its delivery in one transaction, once; False when it is closed already."""

    def due(self, now: datetime, limit: int) -> list[BatchRef]:
        """Return open batches whose check is due, most overdue first."""

    def checked(self, batch: Batch, check_at: datetime, checks: int) -> None:
        """Note that the sweeper looked, and when it looks next. Does nothing to a closed batch."""


class WorkQueue(Protocol):
    """The queue a family's worker is fed from: one message a chunk."""

    def send(self, batch: Batch, chunks: Sequence[int], delay: timedelta = timedelta()) -> None:
        """Queue chunks, fairly between workspaces. delay: at most 15 minutes (SQS)."""


class Processor(Protocol):
    """What is done to the items of a family; safe to call from many threads."""

    slice_size: int
    item_timeout: timedelta

    def process(self, batch: Batch, item: Item, token: str) -> Outcome:
        """Work one item within item_timeout. token: idempotency token, one per attempt.

        Raises EngineFailed when no item of the batch can be worked.
        """

    def keep(self, batch: Batch, done: Sequence[tuple[Item, Result]]) -> None:
        """Store side effects of items that succeeded, before they settle.

        Called again for the same items it adds nothing.
        """


# ── identity ────────────────────────────────────────────────────────────────────────────────────────────────────────


class IdentityStore(Protocol):
    """Workspaces and API keys."""

    def put_workspace(self, workspace: Workspace) -> None:
        """Create or replace a workspace."""

    def put_key(self, key: ApiKey) -> None:
        """Create or replace a key."""

    def get(self, workspace_id: str, key_id: str) -> tuple[Workspace, ApiKey] | None:
        """Return both in one read, or None when either is missing."""

    def workspace(self, workspace_id: str) -> Workspace | None:
        """Return a workspace."""

    def workspaces(self) -> list[Workspace]:
        """Return every workspace, oldest first."""

    def keys(self, workspace_id: str) -> list[ApiKey]:
        """Return the keys of a workspace, oldest first."""


class Sequences(Protocol):
    """Integers that a workspace never sees twice."""

    def reserve(self, workspace_id: str, count: int) -> int:
        """Reserve `count` consecutive integers and return the first; unused ones stay unused."""


# ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────────


class AgentStore(Protocol):
    """Agents and their versions."""

    def put(self, agent: Agent, version: AgentVersion) -> None:
        """Store a new version and the agent that points to it; the version number must be new.

        Raises Conflict when another update took the number: closes update against update.
        """

    def publish(self, agent: Agent, version: AgentVersion, now: datetime) -> Agent:
        """Make a version the published one and note that it was published. Returns the agent as it now is."""

    def get(self, workspace_id: str, agent_id: str) -> Agent | None:
        """Return an agent."""

    def get_many(self, workspace_id: str, agent_ids: Iterable[str]) -> dict[str, Agent]:
        """Return the agents there are among up to 1000 ids, in as few calls as there are hundreds."""

    def find(self, workspace_id: str) -> list[Agent]:
        """Return every agent of a workspace, newest first."""

    def version(self, workspace_id: str, agent_id: str, number: int) -> AgentVersion | None:
        """Return a version."""

    def versions(self, workspace_id: str, agent_id: str) -> list[AgentVersion]:
        """Return the versions of an agent, newest first."""

    def version_named(self, workspace_id: str, agent_id: str, version_id: str) -> AgentVersion | None:
        """Return a version by its id."""

    def version_many(self, workspace_id: str, wanted: Iterable[tuple[str, int]]) -> dict[str, AgentVersion]:
        """Return by agent id what there is of (agent id, version number), in as few calls as there are hundreds."""


class ChatStore(Protocol):
    """Chats and their turns."""

    def create(self, chat: Chat) -> None:
        """Store a new chat without turns."""

    def add(self, started: Sequence[tuple[Chat, Turn]], continued: Sequence[tuple[str, Turn]]) -> None:
        """Store new chats with their first turn, and further turns of (workspace id) existing ones; repeatable."""

    def get(self, workspace_id: str, chat_id: int) -> Chat | None:
        """Return a chat."""

    def rename(self, workspace_id: str, chat_id: int, name: str) -> Chat | None:
        """Rename a chat; None when there is none."""

    def find(self, workspace_id: str, offset: int, limit: int) -> Page[Chat]:
        """Return chats, newest (highest id) first."""

    def turns(self, workspace_id: str, chat_id: int) -> list[Turn]:
        """Return a chat's turns, oldest first."""


class FileStore(Protocol):
    """Uploaded files and their bytes."""

    def put(self, file: StoredFile, content: bytes) -> None:
        """Store a file whole."""

    def announce(self, file: StoredFile, expires: timedelta, limit: int) -> tuple[str, Json]:
        """Store a file's row and return (url, form fields) of a presigned POST that takes up to `limit` bytes."""

    def get(self, workspace_id: str, file_id: str) -> StoredFile | None:
        """Return a file's row."""

    def url(self, file: StoredFile, expires: timedelta) -> str:
        """Return a URL that answers GET with the file's bytes, without a key, until it expires."""

    def content(self, file: StoredFile, limit: int) -> bytes | None:
        """Return a file's bytes, None while it is not uploaded or when it is over `limit` bytes."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a provider is asked.

    history: earlier (message, answer) pairs, oldest first. attachments: (file name, text) of attached files.
    """

    version: AgentVersion
    history: tuple[tuple[str, str], ...]
    message: str
    attachments: tuple[tuple[str, str], ...] = ()
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answered. Tokens as the provider counts them."""

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    tool_calls: tuple[Json, ...] = ()


class Provider(Protocol):
    """A model, or something that answers like one; safe to call from many threads."""

    def answer(self, prompt: Prompt, timeout: timedelta, token: str) -> Reply:
        """Answer within the timeout. token: idempotency token for the far side.

        Raises ProviderFailed with facts `reason`, `retryable` (bool) and `retry_after` (timedelta or None).
        """


class Providers(Protocol):
    """Opens the provider that an agent version chose."""

    def __call__(self, choice: ProviderChoice) -> Provider:
        """Return the provider, the same one for the same choice."""


class SecretStore(Protocol):
    """Secrets that providers need."""

    def get(self, reference: str) -> str:
        """Return the secret behind ``secretsmanager:NAME`` or ``ssm:NAME``, cached for minutes.

        Raises ProviderFailed (retryable only when the store was throttled or out of reach).
        """


# ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered. retry_after: its Retry-After header, already understood."""

    status: int
    retry_after: timedelta | None = None
    body: bytes = b""


class Egress(Protocol):
    """Requests to addresses that customers chose: never to private networks, never through a redirect."""

    def post(self, url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536) -> Answer:
        """POST once; `timeout` covers name, connect and read together; at most `limit` bytes of the answer are read.

        Raises EgressRefused for a refused address and OSError (or a subclass) when there is no answer.
        """


class DeliveryStore(Protocol):
    """Deliveries and their attempts."""

    def get(self, workspace_id: str, delivery_id: str) -> Delivery | None:
        """Return a delivery."""

    def put(self, delivery: Delivery) -> bool:
        """Store a delivery once; False when it exists."""

    def begin(self, delivery: Delivery, number: int, until: datetime, now: datetime) -> bool:
        """Take attempt `number` until `until`: closes two senders given the same message.

        False when that attempt is recorded, somebody holds it, or the delivery ended.
        """

    def postpone(self, delivery: Delivery, due_at: datetime) -> None:
        """Move a pending delivery's next attempt; does nothing when that attempt was made meanwhile."""

    def record(self, delivery: Delivery, attempt: Attempt, status: DeliveryStatus, due_at: datetime | None) -> Delivery:
        """Record an attempt, its outcome and when the next is due; ends the hold."""

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (workspace id, delivery id) of pending deliveries whose attempt is due, most overdue first."""

    def find(self, workspace_id: str, subject: str | None, limit: int) -> list[Delivery]:
        """Return deliveries, newest first, of one subject if given."""


class ReceiverSlots(Protocol):
    """How many senders are busy with one receiver of one workspace at the same time."""

    def take(self, workspace_id: str, receiver: str, holder: str, until: datetime, now: datetime) -> bool:
        """Take a slot until `until`, unless the receiver's share is taken: closes sender against sender."""

    def free(self, workspace_id: str, receiver: str, holder: str) -> None:
        """Give a slot back."""


class DeliveryQueue(Protocol):
    """The queue the sender is fed from."""

    def send(self, delivery: Delivery, delay: timedelta = timedelta(), waits: int = 0) -> None:
        """Queue the next attempt of a delivery, fairly between receivers.

        delay: at most 15 minutes (SQS). waits: how often it found no room with its receiver.
        """
