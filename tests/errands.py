"""Pieces of work as they are tried: once, or again after a try that died, with what it noted."""

from __future__ import annotations

import itertools
from datetime import datetime

from factories import AT

from batchwork.domain.idempotency import Ticket
from batchwork.domain.item import Json
from batchwork.domain.usage import Charge
from batchwork.use_cases.once import Errand

_numbers = itertools.count(1)


class Work:
    """One piece of work under an Idempotency-Key; each try after the first goes on under the ticket of the first."""

    def __init__(self, at: datetime = AT) -> None:
        self.id = f"00000000-0000-4000-9000-{next(_numbers):012d}"
        self.at = at
        self.tries = 0
        self.noted: Json = {}

    def try_(self) -> Errand:
        self.tries += 1
        return Errand(Ticket(self.id, self.at, self.tries > 1, dict(self.noted)), self._note)

    def _note(self, noted: Json) -> bool:
        self.noted.update(noted)
        return True

    def charge(self, *, workspace_id: str = "acme", units: int = 1, ceiling: int | None = None) -> Charge:
        return Charge(
            id=self.id,
            workspace_id=workspace_id,
            key_id="k1",
            family="messages",
            units=units,
            at=self.at,
            ceiling=ceiling,
        )


def an_errand(at: datetime = AT) -> Errand:
    """The only try of a piece of work."""
    return Work(at).try_()
