"""Connect accounts on social networks, look after them, disconnect them (spec operations 1.7).

What the spec leaves open is chosen here: whoever connects an account that is there already gets that one, active again;
pages are loaded by a test or a refresh; a test or a refresh that fails leaves the account in error, and says so once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from batchwork.domain import account
from batchwork.domain.account import Account, AccountStatus, Connecting
from batchwork.domain.errors import InvalidRequest, NetworkRefused, NotPermitted, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.platforms import PLATFORMS
from batchwork.domain.resource import checked_id, to_millis
from batchwork.ports import Clock
from batchwork.ports.operations import Connections, Profile, Shelf, Slice, SocialNetworks
from batchwork.use_cases.revise import found, revised

#: How long a person may take to grant access.
STATE_LIFE = timedelta(minutes=15)
CONNECTED, DISCONNECTED, ERROR = "account.connected", "account.disconnected", "account.error"
ID = f"{account.PREFIX}c"


@dataclass(frozen=True, slots=True)
class Granting:
    """Where a person grants access, and the state that comes back from there."""

    url: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What came back from a network. redirect_url: as the client says it was, None when it does not."""

    platform: str
    code: str
    state: str
    redirect_url: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What a network says of an account. message: why it cannot be used, or that it can."""

    account: Account
    healthy: bool
    message: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """The life of an account."""

    accounts: Shelf[Account]
    connections: Connections
    networks: SocialNetworks
    clock: Clock

    def get(self, workspace_id: str, account_id: str) -> Account:
        """Return an account, a disconnected one too. Raises MalformedId, NotFound."""
        return found(self.accounts, workspace_id, checked_id(account_id, account.PREFIX), "Account")

    def page(
        self, workspace_id: str, after: str | None, limit: int, wanted: Callable[[Account], bool]
    ) -> Slice[Account]:
        """Return part of the wanted accounts, newest first."""
        return self.accounts.page(workspace_id, after, limit, wanted)

    def connect(self, workspace_id: str, platform: str, redirect_url: str, ticket: Ticket) -> Granting:
        """Begin to connect an account; every try of one piece of work has the same state."""
        state = hashlib.sha256(f"connect:{ticket.id}".encode()).hexdigest()
        until = to_millis(self.clock.now() + STATE_LIFE)
        self.connections.open(
            workspace_id, state, Connecting(platform=platform, redirect_url=redirect_url, until=until)
        )
        return Granting(self.networks.authorization_url(platform, redirect_url, state), state)

    def granted(self, workspace_id: str, callback: Callback, *, again: bool) -> None:
        """Return if a callback belongs to what was begun. Raises InvalidRequest.

        again: an earlier try may have used the state.
        """
        begun = self.connections.get(workspace_id, callback.state)
        if begun is None or begun.platform != callback.platform:
            raise InvalidRequest([_bad_state()])
        if not again and (begun.used_by is not None or begun.until <= self.clock.now()):
            raise InvalidRequest([_bad_state()])
        if callback.redirect_url not in {None, begun.redirect_url}:
            message = "Must be the redirect URL that the connection was begun with"
            raise InvalidRequest([Problem("redirectUri", message, "redirect_mismatch", structural=False)])

    def complete(self, workspace_id: str, callback: Callback, ticket: Ticket) -> Account:
        """Connect the account that a callback grants; the one that an earlier try made is returned as it is by now.

        Raises InvalidRequest for a state that is used or ran out, or a code that the network does not take.
        """
        account_id = ordered_id(ID, ticket)
        if not self.connections.use(workspace_id, callback.state, ticket.id, self.clock.now()):
            raise InvalidRequest([_bad_state()])
        if ticket.again and (made := self.accounts.get(workspace_id, account_id)) is not None:
            return made
        try:
            profile = self.networks.exchange(callback.platform, callback.code)
        except NetworkRefused as exc:
            raise InvalidRequest([Problem("code", str(exc), "code_refused", structural=False)]) from exc
        known = self._same(workspace_id, callback.platform, profile.username)
        at = to_millis(ticket.at)
        if known is not None:
            return revised(self.accounts, known, lambda each: self._reconnected(each, profile, at), "Account")
        made = Account(
            id=account_id,
            workspace_id=workspace_id,
            created_at=at,
            updated_at=at,
            platform=callback.platform,
            username=profile.username,
            display_name=profile.display_name,
            account_type=profile.account_type,
            avatar_url=profile.avatar_url,
            connected_at=at,
        )
        if self.accounts.add(made, CONNECTED):
            return made
        return self.accounts.get(workspace_id, account_id) or made

    def test(self, before: Account) -> Health:
        """Ask the network whether an account can be used; one that was in error or expired is active again if so.

        Raises NotPermitted for a disconnected one.
        """
        self.usable(before)
        try:
            self.networks.check(before)
            pages = self.networks.destinations(before)
        except NetworkRefused as exc:
            status, message = AccountStatus.ERROR, str(exc)
        else:
            status, message = AccountStatus.ACTIVE, "The account can be used."
        healthy = status is AccountStatus.ACTIVE

        def step(current: Account) -> tuple[Account, tuple[str, ...]] | None:
            self.usable(current)
            loaded = pages if healthy else current.destinations
            if (current.status, current.destinations) == (status, loaded):
                return None
            return self._next(current, status=status, destinations=loaded), () if healthy else (ERROR,)

        return Health(revised(self.accounts, before, step, "Account"), healthy, message)

    def usable(self, each: Account) -> None:
        """Return if an account is not disconnected. Raises NotPermitted."""
        if each.status is AccountStatus.DISCONNECTED:
            raise NotPermitted(reason="This account is disconnected; connect it again.")

    def selectable(self, each: Account, page_id: str, *, again: bool) -> None:
        """Return if an account can publish as a page of its own; an empty id is none of them, the account itself.

        again: an earlier try may have chosen it, whatever became of the account since. Raises NotPermitted, and
        InvalidRequest with the codes of spec operations 1.3.
        """
        if again and each.page_id == (page_id or None) and PLATFORMS[each.platform].pages:
            return
        self.usable(each)
        wrong = None
        if not PLATFORMS[each.platform].pages:
            wrong = (f"Accounts on {each.platform} have no pages", "page_selection_not_supported")
        elif page_id and each.destinations is None:
            wrong = ("Its pages are not loaded; refresh the account first", "destinations_not_loaded")
        elif page_id and page_id not in {page.id for page in each.destinations or ()}:
            wrong = ("This is no page of the account", "account_page_mismatch")
        if wrong is not None:
            raise InvalidRequest([Problem("pageId", *wrong, structural=False)])

    def select_page(self, before: Account, page_id: str, *, again: bool) -> Account:
        """Publish as a page from now on. Raises what `selectable` raises, NotFound, Conflict."""

        def step(current: Account) -> tuple[Account, tuple[str, ...]] | None:
            self.selectable(current, page_id, again=again)
            chosen = page_id or None
            return None if current.page_id == chosen else (self._next(current, page_id=chosen), ())

        return revised(self.accounts, before, step, "Account")

    def disconnect(self, before: Account) -> Account:
        """Disconnect an account; it stays, hidden, and posts for it fail. Once more changes nothing."""

        def step(current: Account) -> tuple[Account, tuple[str, ...]] | None:
            if current.status is AccountStatus.DISCONNECTED:
                return None
            at = to_millis(self.clock.now())
            return self._next(current, status=AccountStatus.DISCONNECTED, disconnected_at=at), (DISCONNECTED,)

        return revised(self.accounts, before, step, "Account")

    def _same(self, workspace_id: str, platform: str, username: str) -> Account | None:
        """Return the account of that name on a platform. Two callbacks for one new name at once make two accounts."""
        after: str | None = None
        while True:
            part = self.accounts.page(
                workspace_id, after, 1, lambda each: (each.platform, each.username) == (platform, username)
            )
            if part.entries:
                return part.entries[0]
            if part.next is None:
                return None
            after = part.next

    def _reconnected(self, current: Account, profile: Profile, at: datetime) -> tuple[Account, tuple[str, ...]] | None:
        """Return a known account, connected anew; None when an earlier try of the same piece of work did it."""
        if current.connected_at == at and current.status is AccountStatus.ACTIVE:
            return None
        newer = self._next(
            current,
            status=AccountStatus.ACTIVE,
            display_name=profile.display_name,
            account_type=profile.account_type,
            avatar_url=profile.avatar_url,
            connected_at=at,
            disconnected_at=None,
        )
        return newer, (CONNECTED,)

    def _next(self, current: Account, **changes: object) -> Account:
        at = to_millis(self.clock.now())
        return replace(current, revision=current.revision + 1, updated_at=at, **changes)  # type: ignore[arg-type] # fields


def _bad_state() -> Problem:
    return Problem("state", "This state was never given, is used, or ran out; connect anew", "state", structural=False)
