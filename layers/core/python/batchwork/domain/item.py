"""Items, and what they end with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class ItemStatus(StrEnum):
    """Where an item stands, from the client's view."""

    #: Accepted; nobody works on it now.
    PENDING = "pending"
    #: A worker holds its lease.
    PROCESSING = "processing"
    #: Ended well.
    SUCCEEDED = "success"
    #: Ended with an error.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Item:
    """One unit of a batch. body: what the family stored for it, JSON."""

    index: int
    body: Json


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why an item failed. code follows HTTP semantics (400, 408, 499, 500; seed 002)."""

    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an item ended with: output, or error; a failed item of some families has an output too.

    attempts: tries made, 0 when never started. skipped: it failed without a try, because another item failed.
    """

    index: int
    finished_at: datetime
    attempts: int
    output: Json | None = None
    error: ItemError | None = None
    skipped: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the item ended well."""
        return self.error is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferral:
    """An item that failed in a way worth another try, not before `not_before`."""

    index: int
    attempts: int
    not_before: datetime
    error: ItemError


@dataclass(frozen=True, slots=True)
class Success:
    """A processor's answer: the item is done, with this output (JSON)."""

    output: Json


@dataclass(frozen=True, slots=True)
class Failure:
    """A processor's answer: the item failed.

    retryable: another try may succeed. retry_after: what the far side asked to wait.
    """

    error: ItemError
    retryable: bool = False
    retry_after: timedelta | None = None


Outcome = Success | Failure

TIMED_OUT = ItemError(408, "Batch processing timed out before request was processed")
CANCELLED = ItemError(499, "Batch was cancelled")
CRASHED = ItemError(500, "Internal server error during processing")
