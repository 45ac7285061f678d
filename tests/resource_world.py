"""Posts, accounts and media over stores in memory, called as requests of their own or as operations of a batch."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from engine import Died, Dying, Fuse
from factories import AT, a_caller
from fakes.claims import FakeClaims
from fakes.clock import FakeClock
from fakes.connections import FakeConnections
from fakes.hours import FakeHours
from fakes.identities import FakeIdentities
from fakes.media_blobs import FakeMediaBlobs
from fakes.networks import FakeNetworks
from fakes.rates import FakeRates
from fakes.shelf import FakeShelf

from batchwork.adapters.pictures import measured
from batchwork.domain.account import Account, AccountStatus
from batchwork.domain.errors import BatchworkError
from batchwork.domain.idempotency import Ticket
from batchwork.domain.media import Media
from batchwork.domain.post import Post, due_at
from batchwork.edge.endpoint import Gate, Intent, serve
from batchwork.edge.http import Request
from batchwork.families.operations.accounts import AccountCalls
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.operations.media import MediaCalls
from batchwork.families.operations.posts import PostCalls
from batchwork.families.operations.resources import Resources
from batchwork.use_cases.accounts import Accounts
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.drafts import Drafts
from batchwork.use_cases.limit import LimitRequests
from batchwork.use_cases.media import MediaFiles
from batchwork.use_cases.once import Once
from batchwork.use_cases.posts import Posts
from batchwork.use_cases.publish import Publish

#: The smallest file that is a PNG by its first bytes: 3 by 2.
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x03\x00\x00\x00\x02\x08\x02\x00\x00\x00"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Called:
    """What a call was answered. raw: its text."""

    status: int
    raw: str

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> Any:
        return self.body["error"]

    @property
    def code(self) -> Any:
        return self.error["code"]

    @property
    def fields(self) -> list[str]:
        return [problem["field"] for problem in self.error["details"]["problems"]]

    @property
    def ids(self) -> list[str]:
        return [entry["id"] for entry in self.body["data"]]


@dataclass
class World:
    """The stores, and the calls over them. Each call takes a second."""

    clock: FakeClock = field(default_factory=FakeClock)
    posts: FakeShelf[Post] = field(default_factory=lambda: FakeShelf(due_at))
    accounts: FakeShelf[Account] = field(default_factory=FakeShelf)
    media: FakeShelf[Media] = field(default_factory=FakeShelf)
    networks: FakeNetworks = field(default_factory=FakeNetworks)
    blobs: FakeMediaBlobs = field(default_factory=FakeMediaBlobs)
    connections: FakeConnections = field(default_factory=FakeConnections)
    hours: FakeHours = field(default_factory=FakeHours)
    claims: FakeClaims = field(default_factory=FakeClaims)

    def __post_init__(self) -> None:
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))

    # ── what processes are made of ──

    def dying(self, fuse: Fuse) -> World:
        """Return a process over the same stores, whose calls of them burn the fuse."""
        process = World(self.clock)
        for name in ("posts", "accounts", "media", "networks", "blobs", "connections", "hours", "claims"):
            setattr(process, name, Dying(getattr(self, name), fuse))
        process._ids = self._ids
        return process

    @property
    def files(self) -> MediaFiles:
        return MediaFiles(self.media, lambda: self.blobs, measured, self.clock)

    @property
    def publishing(self) -> Publish:
        return Publish(self.posts, self.accounts, self.files, self.networks, self.clock)

    @property
    def resources(self) -> Resources:
        posts = Posts(self.posts, Drafts(self.accounts, self.media, self.clock), self.hours, self.clock)
        calls = {
            **PostCalls(posts, self.publishing, self.files, self.accounts).calls(),
            **AccountCalls(Accounts(self.accounts, self.connections, self.networks, self.clock)).calls(),
            **MediaCalls(self.files).calls(),
        }
        return Resources(calls, lambda *_: pytest.fail("there is no target"))

    @property
    def gate(self) -> Gate:
        once = Once(self.claims, self.clock, lambda: next(self._ids), lambda _: None)
        return Gate(Authenticate(FakeIdentities(), self.clock), LimitRequests(FakeRates(), self.clock), once)

    # ── calls ──

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        workspace_id: str = "acme",
        query: dict[str, str] | None = None,
        ticket: Ticket | None = None,
        key: str | None = None,
    ) -> Called:
        """Make a call below /v1. ticket: what it is done under when it is part of something larger; key: its own."""
        request = self._request(method, path, body, query, key)
        self.clock.pass_(timedelta(seconds=1))
        envelope = OperationsEnvelope()
        route = self.resources.find(request)
        assert route is not None
        try:
            answer, _ = serve(route, request, a_caller(workspace_id=workspace_id), self.gate, envelope.keys, ticket)
        except BatchworkError as exc:
            answer = envelope.error(exc, request)
        return Called(answer.status, answer.text)

    def rehearsed(self, method: str, path: str, body: Any = None) -> int:
        """Return what a dry run of a call says."""
        request = self._request(method, path, body, None, None)
        route = self.resources.find(request)
        assert route is not None
        try:
            act = route.serve(request, a_caller(workspace_id="acme"))
            if isinstance(act, Intent):
                act.check(False)
        except BatchworkError as exc:
            return OperationsEnvelope().error(exc, request).status
        return 200

    def _request(self, method: str, path: str, body: Any, query: dict[str, str] | None, key: str | None) -> Request:
        return Request(
            method=method,
            resource="",
            path=f"/v1/{path}",
            query=query or {},
            headers={} if key is None else {"idempotency-key": key},
            body=body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
            base_url="https://api.example.com/live",
            request_id="request-1",
        )

    def sweep(self) -> None:
        """Do what the sweeper does for posts."""
        for names in self.posts.due(self.clock.now(), 100):
            self.publishing.due(*names)

    # ── what there is ──

    def an_account(self, **changes: Any) -> str:
        """Store an account, on TWITTER unless told otherwise; return its id."""
        number = next(_numbers)
        values: dict[str, Any] = {
            "id": f"acc_c{number}",
            "workspace_id": "acme",
            "created_at": AT,
            "updated_at": AT,
            "platform": "TWITTER",
            "username": f"user{number}",
            "display_name": f"User {number}",
            "connected_at": AT,
        }
        account = Account(**{**values, **changes})
        assert self.accounts.add(account)
        return account.id

    def change_account(self, account_id: str, status: AccountStatus) -> None:
        account = self.accounts.get("acme", account_id)
        assert account is not None
        assert self.accounts.replace(replace(account, status=status, revision=account.revision + 1))

    def a_file(self, content: bytes = PNG, content_type: str = "image/png", *, uploaded: bool = True) -> str:
        """Announce a file, and upload it unless told otherwise; return its id."""
        told = {"filename": "a.png", "contentType": content_type, "sizeBytes": len(content)}
        media_id: str = self("POST", "media/upload", told).body["mediaId"]
        if uploaded:
            self.blobs.upload("acme", media_id, content)
            self.files.arrived("acme", media_id)
        return media_id

    def a_post(self, **body: Any) -> Any:
        """Make a post for a new account unless told otherwise; return it as it was answered."""
        told = {"content": "Hello", **body}
        if not {"accountIds", "platforms"} & body.keys():
            told["accountIds"] = [self.an_account()]
        made = self("POST", "posts", told)
        assert made.status == 201, made.raw
        return made.body

    def stored(self, post_id: str) -> Post:
        post = self.posts.get("acme", post_id)
        assert post is not None
        return post

    def events(self, *, of: str | None = None) -> list[str]:
        """Return the events that were written, in order; of: one resource's."""
        shelves = (self.posts, self.accounts, self.media)
        return [name for shelf in shelves for each, names in shelf.told if of in {None, each.id} for name in names]

    def try_(self, work: Callable[[World], object], fuse: Fuse) -> None:
        """Let a process of its own try a piece of work; it may die, and then its hold ends."""
        try:
            work(self.dying(fuse))
        except Died:
            self.clock.pass_(timedelta(seconds=30))
