"""The calls of accounts: /v1/accounts and below (spec operations 1.7).

What the spec leaves open is chosen here: the filter INACTIVE is for what is expired or suspended, ``all`` for disconnected
ones too; a connection that names no redirect URL comes back to the callback's own; a refresh that fails answers 200 with
``success: false``, as a test does; a callback answers 200; there is no PATCH, so that is 404.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from batchwork.domain.account import PLATFORMS, Account, AccountStatus
from batchwork.domain.address import BadUrlError, parse
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Intent
from batchwork.edge.http import Request, Response
from batchwork.families.operations.lists import Query, listed
from batchwork.families.operations.resources import Calls
from batchwork.families.operations.shapes import Shape, shaped, shaped_or_empty
from batchwork.families.operations.times import timestamp
from batchwork.use_cases.accounts import Accounts, Callback, Health
from batchwork.use_cases.once import Errand

ROOT = "/v1/accounts"
_CONNECTED = frozenset(AccountStatus) - {AccountStatus.DISCONNECTED}
#: What a filter by status asks for.
_FILTERS = {
    **{status.upper(): frozenset({status}) for status in AccountStatus},
    "INACTIVE": frozenset({AccountStatus.EXPIRED, AccountStatus.SUSPENDED}),
    "ALL": frozenset(AccountStatus),
}
_Url = Annotated[str, Field(min_length=1, max_length=2048)]


class ConnectBody(Shape):
    """The body that begins a connection."""

    platform: Annotated[str, Field(max_length=32)] | None = None
    redirect_uri: _Url | None = None
    callback_url: _Url | None = None


class CallbackBody(Shape):
    """The body with what came back from a network."""

    code: Annotated[str, Field(min_length=1, max_length=2048)]
    state: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")]
    redirect_uri: _Url | None = None


class PageBody(Shape):
    """The body that chooses a page; an empty id is the account itself."""

    page_id: Annotated[str, Field(max_length=256)]
    page_name: Annotated[str, Field(max_length=256)] | None = None


@dataclass(frozen=True, slots=True)
class AccountCalls:
    """Every call of accounts."""

    accounts: Accounts

    def calls(self) -> Calls:
        """Return the calls by (method, template)."""
        one = f"{ROOT}/{{id}}"
        return {
            ("GET", ROOT): self.listed,
            ("POST", f"{ROOT}/connect"): self.connect,
            ("POST", f"{ROOT}/connect/{{platform}}"): self.connect,
            ("POST", f"{ROOT}/callback/{{platform}}"): self.callback,
            ("GET", one): self.one,
            ("DELETE", one): self.disconnect,
            ("POST", f"{one}/test"): self.test,
            ("POST", f"{one}/refresh"): self.refresh,
            ("POST", f"{one}/select-page"): self.select_page,
        }

    def listed(self, request: Request, caller: Caller) -> Response:
        """List accounts, newest first; disconnected ones only when they are asked for."""
        query = Query(request.query)
        part, platform = query.part(), query.one_of("platform", PLATFORMS)
        status, archived = query.one_of("status", _FILTERS), query.flag("includeArchived")
        query.end()
        among = _FILTERS[status] if status else _FILTERS["ALL"] if archived else _CONNECTED
        page = self.accounts.page(
            caller.workspace.id,
            part.after,
            part.limit,
            lambda each: each.status in among and platform in {None, each.platform},
        )
        return listed([account_object(each) for each in page.entries], page.next, part.limit)

    def one(self, request: Request, caller: Caller) -> Response:
        """Show an account."""
        return Response(200, account_object(self._account(request, caller)))

    def connect(self, request: Request, caller: Caller) -> Act:
        """Begin a connection. The platform stands in the path, or in the body (npm client)."""
        body = shaped_or_empty(ConnectBody, request)
        named = request.parameters.get("platform")
        platform = _platform(body.platform or "" if named is None else named)
        redirect_url = body.redirect_uri or body.callback_url
        if redirect_url is None:
            redirect_url = f"{request.base_url}{ROOT}/callback/{platform.lower()}"
        else:
            _check_url(redirect_url, "callbackUrl" if body.redirect_uri is None else "redirectUri")

        def act(_checked: None, errand: Errand) -> Response:
            granting = self.accounts.connect(caller.workspace.id, platform, redirect_url, errand.ticket)
            # Published clients disagree on the name: documentation, Go, npm.
            told = dict.fromkeys(("authorizationUrl", "authUrl", "url"), granting.url)
            return Response(200, {**told, "state": granting.state})

        return Intent(lambda _again: None, act)

    def callback(self, request: Request, caller: Caller) -> Act:
        """Connect the account that a network granted."""
        platform, body = _platform(request.parameters["platform"]), shaped(CallbackBody, request)
        callback = Callback(platform=platform, code=body.code, state=body.state, redirect_url=body.redirect_uri)

        def act(_checked: None, errand: Errand) -> Response:
            made = self.accounts.complete(caller.workspace.id, callback, errand.ticket)
            return Response(200, {"account": account_object(made)})

        return Intent(lambda again: self.accounts.granted(caller.workspace.id, callback, again=again), act)

    def test(self, request: Request, caller: Caller) -> Act:
        """Ask the network whether an account can be used."""

        def act(account: Account, _errand: Errand) -> Response:
            health = self.accounts.test(account)
            return Response(200, {"success": health.healthy, "message": health.message, "details": _details(health)})

        return Intent(lambda _again: self._usable(request, caller), act)

    def refresh(self, request: Request, caller: Caller) -> Act:
        """Renew an account's access, and load its pages."""

        def act(account: Account, _errand: Errand) -> Response:
            health = self.accounts.test(account)
            return Response(200, {"success": health.healthy, "message": health.message})

        return Intent(lambda _again: self._usable(request, caller), act)

    def select_page(self, request: Request, caller: Caller) -> Act:
        """Choose the page that an account publishes as."""
        page_id = shaped(PageBody, request).page_id

        def check(again: bool) -> Account:
            account = self._account(request, caller)
            self.accounts.selectable(account, page_id, again=again)
            return account

        def act(account: Account, errand: Errand) -> Response:
            self.accounts.select_page(account, page_id, again=errand.ticket.again)
            return Response(200, {"success": True})

        return Intent(check, act)

    def disconnect(self, request: Request, caller: Caller) -> Act:
        """Disconnect an account; once more is no error."""

        def act(account: Account, _errand: Errand) -> Response:
            self.accounts.disconnect(account)
            return Response(204)

        return Intent(lambda _again: self._account(request, caller), act)

    def _account(self, request: Request, caller: Caller) -> Account:
        return self.accounts.get(caller.workspace.id, request.parameters["id"])

    def _usable(self, request: Request, caller: Caller) -> Account:
        account = self._account(request, caller)
        self.accounts.usable(account)
        return account


def account_object(account: Account) -> Json:
    """Return an account; nothing is known of the health of its scopes, since no network is asked for them."""
    return {
        "id": account.id,
        "platform": account.platform.lower(),
        "username": account.username,
        "displayName": account.display_name,
        "avatarUrl": account.avatar_url,
        "accountType": account.account_type,
        "status": account.status,
        "connectedAt": timestamp(account.connected_at),
        "scopeHealth": None,
    }


def _details(health: Health) -> Json | None:
    """Return what a network tells of an account that can be used, its pages included; null for one that cannot."""
    if not health.healthy:
        return None
    account = health.account
    pages = [{"id": page.id, "name": page.name} for page in account.destinations or ()]
    return {
        "platformUserId": f"{account.platform.lower()}:{account.username}",
        "username": account.username,
        "displayName": account.display_name,
        "pages": pages,
    }


def _platform(text: str) -> str:
    if text.upper() not in PLATFORMS:
        raise InvalidRequest([Problem("platform", f"Must be one of {', '.join(PLATFORMS)}", "enum")])
    return text.upper()


def _check_url(url: str, place: str) -> None:
    """Raise InvalidRequest for what no browser could be sent to; nothing is requested there by us."""
    try:
        parse(url)
    except BadUrlError as exc:
        raise InvalidRequest([Problem(place, str(exc).capitalize(), "url", structural=False)]) from exc
