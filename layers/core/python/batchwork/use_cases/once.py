"""Once: work that is asked for twice under one Idempotency-Key is done once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from batchwork.domain.errors import BatchworkError, IdempotencyKeyReused, RequestInFlight
from batchwork.domain.idempotency import REPLAYED, Answered, Claim, Prior, Ticket, digest
from batchwork.domain.item import Json
from batchwork.domain.workspace import Caller
from batchwork.ports import Clock
from batchwork.ports.identity import ClaimStore

T = TypeVar("T", int, str)

#: What a client is asked to wait at the most before it asks again for work under way.
PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for. name: method and path; body: digest of all that the request asks; key: its Idempotency-Key.

    time_left: how long the function that works it can live.
    """

    name: str
    body: str
    key: str | None
    time_left: timedelta


class Errand:
    """One try of a piece of work: its ticket, and what the next try has to know of this one."""

    def __init__(self, ticket: Ticket, note: Callable[[Json], bool] | None = None) -> None:
        self.ticket = ticket
        self._note = note

    def fixed(self, name: str, make: Callable[[], T]) -> T:
        """Return a value that all tries of the work use, such as an integer id: made and noted by the first.

        Without an Idempotency-Key there is no other try, and nothing is noted. Raises RequestInFlight when somebody took
        the work over: two tries must not go on with two values.
        """
        noted = self.ticket.noted
        if name not in noted:
            made = make()
            if self._note is None:
                return made
            noted = {**noted, name: made}
            if not self._note(noted):
                raise RequestInFlight(retry_after=PATIENCE)
            self.ticket = replace(self.ticket, noted=noted)
        value: T = noted[name]
        return value


@dataclass(frozen=True, slots=True)
class Once:
    """Do a piece of work, or replay its answer.

    The claim is held for as long as the function can live and no longer: one that dies frees the key by dying. Who
    takes over from the dead goes on under the same ticket, so that work which was done already is found, not repeated.
    new_id: returns a new UUID as text. unkept: told of the error that kept an answer from being stored; the client is
    not: its work is done, and the next try will find it done.
    """

    claims: ClaimStore
    clock: Clock
    new_id: Callable[[], str]
    unkept: Callable[[Exception], None]

    def __call__(
        self, caller: Caller, asked: Asked, work: Callable[[Errand], Answered], ticket: Ticket | None = None
    ) -> tuple[Answered, bool]:
        """Return the work's answer, and whether it is a replay. ticket: a new one unless it is given.

        Raises IdempotencyKeyReused, RequestInFlight (fact `retry_after`), and what the work raises.
        """
        now = self.clock.now()
        ticket = ticket or Ticket(self.new_id(), now)
        if asked.key is None:
            return work(Errand(ticket)), False
        claim = Claim(
            workspace_id=caller.workspace.id,
            name=digest(asked.name.encode(), asked.key.encode()),
            body=asked.body,
            token=self.new_id(),
            until=now + asked.time_left,
            ticket=ticket,
        )
        found = self.claims.claim(claim, now)
        if isinstance(found, Prior):
            if found.body != asked.body:
                raise IdempotencyKeyReused
            if found.answered is None:
                raise RequestInFlight(retry_after=min(found.until - now, PATIENCE))
            return found.answered, True
        return self._work(found, work), False

    def _work(self, claim: Claim, work: Callable[[Errand], Answered]) -> Answered:
        try:
            answer = work(Errand(claim.ticket, lambda noted: self.claims.note(claim, noted)))
        except Exception as exc:
            # A refusal says that nothing was done. After any other error, such as an answer of the table that was lost,
            # after an earlier try that died, or when only its answer was too large, the work may be done: a new ticket
            # would do it again.
            refused = isinstance(exc, BatchworkError) and not exc.unsure
            unsure = claim.ticket.again or not refused
            self._quietly(lambda: self.claims.free(claim, unsure=unsure))
            raise
        if answer.status in REPLAYED:
            self._quietly(lambda: self.claims.keep(claim, answer))
        else:
            self._quietly(lambda: self.claims.free(claim, unsure=claim.ticket.again))
        return answer

    def _quietly(self, end: Callable[[], None]) -> None:
        try:
            end()
        except Exception as exc:  # noqa: BLE001 -- the answer stands; the key frees itself when the hold ends
            self.unkept(exc)
