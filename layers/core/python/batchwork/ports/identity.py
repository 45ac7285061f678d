"""What identity, limits, metering and idempotency need of the world."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from batchwork.domain.idempotency import Answered, Claim, Prior
    from batchwork.domain.item import Json
    from batchwork.domain.limit import Taken
    from batchwork.domain.plan import Plan
    from batchwork.domain.usage import Charge
    from batchwork.domain.workspace import ApiKey, Workspace


class IdentityStore(Protocol):
    """Workspaces and API keys."""

    def put_workspace(self, workspace: Workspace, before: Workspace | None = None) -> None:
        """Create a workspace, or replace it as it was: raises Conflict when it is no longer `before`.

        Closes operator against operator.
        """

    def put_key(self, key: ApiKey, before: ApiKey | None = None) -> None:
        """Create a key, or replace it as it was: raises Conflict when it is no longer `before`, which a revocation
        meanwhile makes it. Closes operator against operator.
        """

    def get(self, workspace_id: str, key_id: str) -> tuple[Workspace, ApiKey] | None:
        """Return both in one read, or None when either is missing."""

    def workspace(self, workspace_id: str) -> Workspace | None:
        """Return a workspace."""

    def workspaces(self) -> list[Workspace]:
        """Return every workspace, oldest first."""

    def keys(self, workspace_id: str) -> list[ApiKey]:
        """Return the keys of a workspace, oldest first."""


class RateStore(Protocol):
    """Counts of requests by key, minute and day."""

    def take(self, key: ApiKey, terms: Plan, now: datetime) -> Taken:
        """Count a request in its minute and its day, in one write, unless either is full: closes request against
        request. A refused one counts in neither.
        """


class UsageStore(Protocol):
    """The units of each month, and the ledger of what they come from."""

    def reserve(self, charge: Charge) -> None:
        """Enter a charge into the ledger and add it to its month, both or neither; again, it changes nothing.

        Raises QuotaExceeded (facts `quota`, `used`, `units`) when its ceiling leaves no room: closes charge against
        charge.
        """

    def release(self, charge: Charge) -> None:
        """Take a charge out of the ledger and off its month, both or neither; again, it changes nothing."""

    def used(self, workspace_id: str, month: str) -> int:
        """Return a month's units."""

    def charges(self, workspace_id: str, month: str) -> Iterator[Charge]:
        """Yield a month's ledger entries (without their ceiling), in no order."""

    def adjust(self, workspace_id: str, month: str, seen: int, counted: int) -> bool:
        """Set a month's units to `counted` if they still are `seen`: closes reconciling against charging."""


class ClaimStore(Protocol):
    """Holds on Idempotency-Keys."""

    def claim(self, claim: Claim, now: datetime) -> Claim | Prior:
        """Take a key that is free, expired, or held by somebody who can no longer be alive: closes request against
        request.

        Returns the claim as taken: one taken over from the dead for the same body goes on with their ticket, marked
        `again`. Returns what takes the key otherwise.
        """

    def note(self, claim: Claim, noted: Json) -> bool:
        """Replace what the claim's ticket notes: read by who takes over. False when the claim holds no more."""

    def keep(self, claim: Claim, answered: Answered) -> None:
        """Store the answer to be replayed, if the claim still holds."""

    def free(self, claim: Claim, *, unsure: bool = False) -> None:
        """Give the key back, if the claim still holds. unsure: the work may be done all the same, so that who asks for
        the same goes on with the ticket.
        """


class Sequences(Protocol):
    """Integers that a workspace never sees twice."""

    def reserve(self, workspace_id: str, count: int) -> int:
        """Reserve `count` consecutive integers and return the first; unused ones stay unused."""
