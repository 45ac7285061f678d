"""Operations that go on after nobody waits for them: Lambda freezes their thread, and a later invocation thaws it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from desk import PATIENCE, Desk, make
from factories import a_caller
from fakes.usage import FakeUsage
from resource_world import World

from batchwork.domain.account import AccountStatus
from batchwork.domain.graph import Graph
from batchwork.domain.idempotency import Ticket
from batchwork.domain.operation import Mode, Operation
from batchwork.domain.post import PostStatus
from batchwork.families.operations.dispatch import Around, Dispatch
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.use_cases.meter import Meter
from batchwork.use_cases.run_operations import RunOperations


class Freezing:
    """A port whose first call of a method waits, on either side of it, until it is thawed."""

    def __init__(self, port: Any, method: str, *, after: bool) -> None:
        self._port, self._method, self._after = port, method, after
        self._first = True
        self.thaw = threading.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name != self._method or not self._first:
            return found
        self._first = False

        def freezing(*given: Any) -> Any:
            answer = found(*given) if self._after else None
            assert self.thaw.wait(10)
            return answer if self._after else found(*given)

        return freezing


def frozen(world: World, port: str, method: str, call: tuple[str, str, Any], *, after: bool) -> Callable[[], None]:
    """Run a batch of one call that freezes at a port; return what thaws it, and comes back when it has ended."""
    process = World(world.clock)
    for name in ("posts", "accounts", "media", "networks", "blobs", "connections", "hours", "claims"):
        setattr(process, name, getattr(world, name))
    freezing = Freezing(getattr(world, port), method, after=after)
    setattr(process, port, freezing)
    errors: list[Exception] = []
    dispatch = Dispatch(process.resources, process.gate, OperationsEnvelope(), errors.append)
    path, verb, body = f"/v1/{call[1]}", call[0], call[2]
    graph = Graph.of([Operation(index=0, id="a", method=verb, path=path, body=body)], Mode())
    caller, ended = a_caller(workspace_id="acme"), threading.Event()

    def perform(operation: Operation, ticket: Ticket, left: timedelta) -> Any:
        try:
            return dispatch.perform(operation, caller, ticket, Around("", ""), left)
        finally:
            ended.set()

    run = RunOperations(Meter(FakeUsage()), 4, errors.append)
    (answer,) = run(caller, graph, Ticket("t", world.clock.now()), timedelta(seconds=0.1), perform)
    assert answer.status == 504

    def thaw() -> None:
        freezing.thaw.set()
        assert ended.wait(10)

    return thaw


def test_a_change_that_was_given_up_does_not_undo_what_the_client_did_since(world: World) -> None:
    # Break: FakeShelf (and its twin) without check_waited_for: `revised` reads again, and applies the change on top.
    post = world.a_post(content="first")["id"]
    thaw = frozen(world, "posts", "replace", ("PATCH", f"posts/{post}", {"content": "of the batch"}), after=False)
    assert world("PATCH", f"posts/{post}", {"content": "newer"}).status == 200
    world.clock.pass_(timedelta(hours=3))
    thaw()
    assert world.stored(post).content == "newer"


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [("POST", "/publish", None), ("POST", "/cancel", None), ("POST", "/clone", None), ("DELETE", "", None)],
)
def test_what_was_given_up_before_its_first_write_does_nothing(
    method: str, below: str, body: Any, world: World
) -> None:
    # Break: DynamoShelf's writes without check_waited_for, or Crew without while_waited_for.
    post = world.a_post()["id"]
    thaw = frozen(world, "posts", "get", (method, f"posts/{post}{below}", body), after=True)
    world.clock.pass_(timedelta(hours=3))
    thaw()
    assert world("GET", "posts").ids == [post]
    assert world.stored(post).status is PostStatus.DRAFT
    assert world.events(of=post) == ["post.created"]
    assert not world.networks.published


def test_a_publication_that_was_given_up_publishes_nothing_more(world: World) -> None:
    # Break: Publish._published without check_waited_for: a retry would publish it once more, as another round.
    account = world.an_account()
    post = world.a_post(accountIds=[account])["id"]
    thaw = frozen(world, "posts", "replace", ("POST", f"posts/{post}/publish", None), after=True)
    world.change_account(account, AccountStatus.ERROR)
    world.clock.pass_(timedelta(minutes=2))
    world.sweep()
    assert world.stored(post).status is PostStatus.FAILED
    world.change_account(account, AccountStatus.ACTIVE)
    thaw()
    assert not world.networks.published


def test_an_operation_of_a_job_writes_nothing_after_its_lease() -> None:
    # Break: _Turn._done, call without while_waited_for: what another try may do is done by this one too.
    desk = Desk()
    stored = desk.batch([make("old", "old")]).results[0]["body"]["id"]
    ref = desk.submit([{"id": "a", "method": "PATCH", "path": f"/v1/posts/{stored}", "body": {"text": "of the job"}}])
    desk.before = lambda _operation: desk.clock.pass_(PATIENCE + timedelta(minutes=1))
    desk.work(ref)
    desk.complete(ref)
    assert [note.text for note in desk.shelf.stored.values()] == ["old"]
    (result,) = desk.job(ref)["results"]
    assert (result["status"], result["error"]["code"]) == (504, "TIMEOUT")
