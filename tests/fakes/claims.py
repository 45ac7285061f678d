from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from batchwork.domain.idempotency import KEPT, Answered, Claim, Prior
from batchwork.domain.item import Json


@dataclass
class Hold:
    claim: Claim
    ends: datetime
    until: datetime
    answered: Answered | None = None


class FakeClaims:
    """ports.identity.ClaimStore in memory, safe under threads."""

    def __init__(self) -> None:
        self.holds: dict[tuple[str, str], Hold] = {}
        self._lock = threading.Lock()

    def claim(self, claim: Claim, now: datetime) -> Claim | Prior:
        with self._lock:
            hold = self.holds.get((claim.workspace_id, claim.name))
            if hold is not None and hold.ends > now:
                if hold.claim.token == claim.token:
                    return hold.claim
                if hold.answered is not None or hold.until > now:
                    return Prior(body=hold.claim.body, until=hold.until, answered=hold.answered)
                if hold.claim.body == claim.body:
                    claim = replace(claim, ticket=replace(copy.deepcopy(hold.claim.ticket), again=True))
            ends = max(claim.ticket.at + KEPT, claim.until)
            self.holds[claim.workspace_id, claim.name] = Hold(claim, ends, claim.until)
            return claim

    def note(self, claim: Claim, noted: Json) -> bool:
        with self._lock:
            if (hold := self._held(claim)) is None:
                return False
            hold.claim = replace(hold.claim, ticket=replace(hold.claim.ticket, noted=copy.deepcopy(noted)))
            return True

    def keep(self, claim: Claim, answered: Answered) -> None:
        with self._lock:
            if (hold := self._held(claim)) is not None:
                hold.answered, hold.ends = copy.deepcopy(answered), claim.ticket.at + KEPT

    def free(self, claim: Claim, *, unsure: bool = False) -> None:
        with self._lock:
            hold = self._held(claim)
            if hold is not None and unsure:
                hold.until = datetime.fromtimestamp(0, UTC)
            elif hold is not None:
                del self.holds[claim.workspace_id, claim.name]

    def _held(self, claim: Claim) -> Hold | None:
        hold = self.holds.get((claim.workspace_id, claim.name))
        return hold if hold is not None and hold.claim.token == claim.token else None
