"""Deliveries: one event to one URL, tried on a schedule until it is taken or given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from batchwork.domain.item import Json

#: Waits before attempt 2, 3, ...; the first attempt is made at once (issue 1 of 5; the schedule that Svix publishes, extended).
SCHEDULE = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: The waits of styles that have their own.
SCHEDULES = {
    # Spec operations 1.9.
    "voxburst": (
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=12),
    ),
    # Spec workflow runs 4.9, its choice.
    "extend": (
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=8),
    ),
}
#: Connect and read together.
ATTEMPT_TIMEOUT = timedelta(seconds=10)
#: The timeouts of styles that have their own.
ATTEMPT_TIMEOUTS = {
    # Spec workflow runs 4.9.
    "extend": timedelta(seconds=30),
}
#: A sender owns its attempt this long: the longest timeout, and time to record what came of it. One for all styles, since
#: deliveries of several may share a slot of their receiver.
HOLD = max(ATTEMPT_TIMEOUTS.values()) + timedelta(seconds=20)
#: A Retry-After beyond this is not believed.
MAX_RETRY_AFTER = timedelta(hours=24)
#: Up to this part of a wait is added to it, so that deliveries that failed together do not come back together.
JITTER = 0.1
#: What is kept of the reason why an attempt failed, in characters.
MAX_ERROR = 200
#: Why a delivery ends whose endpoint is disabled.
ENDPOINT_DISABLED = "the webhook endpoint is disabled"
#: The receiver is gone for good: no further attempt (Standard Webhooks, operational considerations).
GONE = 410
#: The longest wait that the queue itself can delay (SQS limit); the sweeper watches over longer ones.
LONGEST_DELAY = timedelta(minutes=15)
#: A body of more bytes is kept in the bucket: rows end at 400 KB (AWS limit), and each attempt writes the row twice.
MAX_INLINE = 200_000
#: How long a URL can be fetched that a payload goes as: made anew for each attempt (spec workflow runs 4.9).
URL_LIFE = timedelta(hours=1)
#: The sweeper looks this long after a message should have come, so that it only repairs.
SWEEPER_MARGIN = timedelta(seconds=60)
#: The first waits of a message that found its receiver's share of the senders taken: within the sweeper's margin.
FIRST_ROOM_WAITS = tuple(timedelta(seconds=2**n) for n in range(5))
#: The waits after those and how many there are, about ten minutes in all; then the sweeper brings the message again.
ROOM_WAIT, LATER_ROOM_WAITS = timedelta(seconds=20), 30
#: A later wait is so much shorter or longer, so that messages that came together do not all come back together.
ROOM_JITTER = 0.25
#: How long the later waits can be in all.
ROOM_PATIENCE = ROOM_WAIT * LATER_ROOM_WAITS * (1 + ROOM_JITTER)


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    #: An attempt is due, now or later.
    PENDING = "pending"
    #: The receiver answered 2xx.
    DELIVERED = "delivered"
    #: The schedule is exhausted, the receiver answered 410, or nobody is to be told any more.
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a delivery. status: HTTP status, None when there was no answer; error: why it did not succeed."""

    number: int
    started_at: datetime
    latency: timedelta
    status: int | None
    error: str | None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class PayloadRef:
    """What is told in the body beside the URL that a payload goes as. id: of what the payload is; metadata: its client's."""

    id: str
    metadata: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event to one URL. body: the exact bytes signed and sent on every attempt.

    style: whose signature headers it carries beside the Standard Webhooks ones, and whose schedule it has, such as
    ``codeer``. id: unique, stable; subject: what the event is about (the id of a batch, of a resource).
    endpoint_id: of the webhook endpoint that says at each attempt where it goes and what signs it; url is then where the
    endpoint was when the delivery was made, and secret is None.
    version: whose shapes the body has, in styles that tell it. replay_of: the id of the delivery that this one repeats, the
    first of its event.

    payload: set where the payload goes as a URL. The body is then the payload itself (JSON) until the delivery is stored;
    what is sent is the envelope of its style around a URL that is made for each attempt (`signature.by_url`).
    blob: the key under which the store keeps a payload, or a body of more than MAX_INLINE bytes: body is then empty.
    recovered: set in the first delivery of its event once a replay of it was delivered, so that no recovery repeats it.
    trial: made to try an endpoint, and told of nothing that happened. turn_at: when the next attempt has its turn at an
    endpoint that takes so many a minute, None while it has to ask for one.
    due_at: when the sweeper brings the next attempt, unless that was made. next_at: when the queue does, which is sooner;
    None where the sweeper alone does, and in a delivery as it was made.

    Of the endpoint at each attempt, never stored: next_secret, which will sign alone once a rotation's overlap is over,
    and headers, which go with the others.
    """

    id: str
    workspace_id: str
    event_id: str
    event_type: str
    subject: str
    style: str
    url: str
    body: bytes
    created_at: datetime
    due_at: datetime
    secret: str | None = field(default=None, repr=False)
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: tuple[Attempt, ...] = ()
    endpoint_id: str | None = None
    version: str | None = None
    payload: PayloadRef | None = None
    blob: str | None = None
    replay_of: str | None = None
    recovered: bool = False
    trial: bool = False
    turn_at: datetime | None = None
    next_at: datetime | None = None
    next_secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def apart(self) -> bool:
        """Whether its body is kept apart from its row: it is too large for one, or receivers fetch it."""
        return self.payload is not None or self.blob is not None or len(self.body) > MAX_INLINE

    @property
    def original(self) -> str:
        """Return the id of the first delivery of its event to its receiver."""
        return self.replay_of or self.id

    @property
    def schedule(self) -> Sequence[timedelta]:
        """Return the waits before attempt 2, 3, ..."""
        return SCHEDULES.get(self.style, SCHEDULE)

    @property
    def timeout(self) -> timedelta:
        """Return how long an attempt may take."""
        return ATTEMPT_TIMEOUTS.get(self.style, ATTEMPT_TIMEOUT)

    @property
    def next_attempt_at(self) -> datetime | None:
        """Return when the next attempt is made, None when there is none; one that has to wait for room comes later."""
        if self.status is not DeliveryStatus.PENDING:
            return None
        if self.turn_at is not None:
            return self.turn_at
        if self.next_at is not None:
            return self.next_at
        made_now = not self.attempts and self.due_at <= self.created_at + SWEEPER_MARGIN
        return self.created_at if made_now else self.due_at

    @property
    def receiver(self) -> str:
        """Return the host and port that takes it: what hangs or fails together."""
        parts = urlsplit(self.url)
        return f"{parts.hostname or ''}:{parts.port or (80 if parts.scheme == 'http' else 443)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Every failed delivery to an endpoint, made from `since` on and before `until`, is to be made again; and every pending
    one that has failed so far gets its next attempt now.

    id: what the ids of the new deliveries follow from. status: which of the two are looked at, the failed ones first.
    after: of the last delivery that was looked at, None at first.
    """

    id: str
    workspace_id: str
    endpoint_id: str
    since: datetime
    until: datetime
    after: str | None = None
    status: DeliveryStatus = DeliveryStatus.FAILED


@dataclass(frozen=True, slots=True)
class NextStep:
    """What follows an attempt. wait: until the next one, None when there is none."""

    status: DeliveryStatus
    wait: timedelta | None = None

    @property
    def delay(self) -> timedelta | None:
        """Return the delay of the next attempt's message, None when the sweeper is to queue it."""
        return self.wait if self.wait is not None and self.wait <= LONGEST_DELAY else None

    def due_at(self, now: datetime) -> datetime | None:
        """Return when the sweeper is to queue the next attempt, None when there is none."""
        if self.wait is None:
            return None
        return now + self.wait + (SWEEPER_MARGIN if self.delay is not None else timedelta())

    def next_at(self, now: datetime) -> datetime | None:
        """Return when the queue brings the next attempt, None when it does not."""
        return None if self.delay is None else now + self.delay


def room_wait(waits: int, chance: float) -> timedelta | None:
    """Return the wait of a message that found no room `waits` times before, None when the sweeper is to bring it again.

    chance: uniform in [0, 1), for jitter.
    """
    if waits < len(FIRST_ROOM_WAITS):
        return FIRST_ROOM_WAITS[waits]
    if waits < len(FIRST_ROOM_WAITS) + LATER_ROOM_WAITS:
        return ROOM_WAIT * (1 + ROOM_JITTER * (2 * chance - 1))
    return None


def delivery_id(event_id: str, endpoint_id: str) -> str:
    """Return the id of the one delivery of an event to an endpoint."""
    return str(uuid5(NAMESPACE_URL, f"batchwork:{event_id}:{endpoint_id}:delivery"))


def replay_id(delivery: Delivery, cause: str) -> str:
    """Return the id of the one delivery that repeats an event to a receiver for a cause, such as a ticket's id: however
    many deliveries of the event there are.
    """
    return str(uuid5(NAMESPACE_URL, f"batchwork:{delivery.original}:{cause}:replay"))


def step_after(
    number: int,
    status: int | None,
    retry_after: timedelta | None,
    chance: float,
    schedule: Sequence[timedelta] = SCHEDULE,
) -> NextStep:
    """Decide what follows attempt `number` (from 1).

    status: HTTP status, None when there was no answer; a redirect is a failure. chance: uniform in [0, 1), for jitter.
    A receiver's Retry-After is the least wait, whatever the schedule says.
    """
    if status is not None and 200 <= status < 300:
        return NextStep(DeliveryStatus.DELIVERED)
    if status == GONE or number > len(schedule):
        return NextStep(DeliveryStatus.FAILED)
    scheduled = schedule[number - 1] * (1 + JITTER * chance)
    return NextStep(DeliveryStatus.PENDING, max(scheduled, min(retry_after or timedelta(), MAX_RETRY_AFTER)))
