from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from errands import an_errand
from factories import AT
from fakes.clock import FakeClock
from fakes.shelf import FakeShelf
from unit.webhooks.deliveries import an_endpoint
from unit.webhooks.test_tell import a_subscription

from batchwork.domain.errors import InvalidRequest, NotFound, NotPermitted
from batchwork.domain.webhook_endpoint import WebhookEndpoint, WebhookSubscription
from batchwork.domain.workflow import Workflow
from batchwork.use_cases.walk import Last
from batchwork.use_cases.webhook_subscriptions import MAX_SUBSCRIPTIONS, WebhookSubscriptions

COMPLETED, FAILED = "workflow_run.completed", "workflow_run.failed"


def unfit(endpoint: WebhookEndpoint, events: Sequence[str]) -> list[tuple[int, str]]:
    return [(place, "Not here") for place, name in enumerate(events) if name == "not.for." + str(endpoint.version)]


@dataclass
class World:
    """A workspace with the endpoints wh_c1 and wh_c2 and the workflows workflow_1 and workflow_2."""

    clock: FakeClock = field(default_factory=FakeClock)
    endpoints: FakeShelf[WebhookEndpoint] = field(default_factory=FakeShelf)
    subscriptions: FakeShelf[WebhookSubscription] = field(default_factory=FakeShelf)
    workflows: FakeShelf[Workflow] = field(default_factory=FakeShelf)

    def __post_init__(self) -> None:
        for name in ("wh_c1", "wh_c2"):
            self.endpoints.add(replace(an_endpoint(id=name, events=()), style="extend", version="2026-02-09"))
        for name in ("workflow_1", "workflow_2"):
            self.workflows.add(Workflow(id=name, workspace_id="acme", created_at=AT, updated_at=AT, name="W"))

    @property
    def use(self) -> WebhookSubscriptions:
        return WebhookSubscriptions(
            self.subscriptions, self.endpoints, self.workflows, self.clock, "extend", unfit=unfit
        )

    def put(
        self, endpoint_id: str = "wh_c1", workflow_id: str = "workflow_1", *events: str, workspace_id: str = "acme"
    ) -> WebhookSubscription:
        self.clock.pass_(timedelta(seconds=1))
        errand = an_errand(self.clock.now())
        return self.use.put(workspace_id, endpoint_id, workflow_id, events or (COMPLETED,), errand.ticket)


@pytest.fixture
def world() -> World:
    return World()


def test_a_subscription_names_its_endpoint_its_workflow_and_its_events(world: World) -> None:
    made = world.put("wh_c1", "workflow_1", COMPLETED, FAILED)
    assert made.id.startswith("whes_")
    assert (made.endpoint_id, made.resource_type, made.resource_id) == ("wh_c1", "workflow", "workflow_1")
    assert made.events == (COMPLETED, FAILED)
    assert made.created_at == world.clock.now()
    assert world.use.get("acme", made.id) == made


def test_an_endpoint_has_one_subscription_to_a_workflow_which_the_next_request_replaces(world: World) -> None:
    first = world.put("wh_c1", "workflow_1", COMPLETED)
    second = world.put("wh_c1", "workflow_1", FAILED)
    assert (second.id, second.created_at) == (first.id, first.created_at)
    assert second.events == (FAILED,)
    assert second.updated_at > first.updated_at
    assert world.use.page("acme", None, 10) == ([second], None)


def test_the_same_request_again_writes_nothing(world: World) -> None:
    first = world.put()
    assert world.put() == first
    assert len(world.subscriptions.told) == 1


def test_each_endpoint_and_each_workflow_has_its_own(world: World) -> None:
    made = [
        world.put(endpoint, workflow) for endpoint in ("wh_c1", "wh_c2") for workflow in ("workflow_1", "workflow_2")
    ]
    assert len({each.id for each in made}) == 4


@pytest.mark.parametrize(
    ("endpoint_id", "workflow_id", "workspace_id", "what"),
    [
        ("wh_c9", "workflow_1", "acme", "Webhook endpoint"),
        ("wh_c3", "workflow_1", "acme", "Webhook endpoint"),
        ("wh_c1", "workflow_1", "other", "Webhook endpoint"),
        ("wh_c1", "workflow_9", "acme", "Workflow"),
    ],
)
def test_what_is_not_there_or_of_another_family_or_workspace_is_not_found(
    world: World, endpoint_id: str, workflow_id: str, workspace_id: str, what: str
) -> None:
    world.endpoints.add(an_endpoint(id="wh_c3"))
    with pytest.raises(NotFound) as found:
        world.put(endpoint_id, workflow_id, workspace_id=workspace_id)
    assert found.value.facts == {"what": what}
    assert world.subscriptions.stored == {}


def test_events_that_such_an_endpoint_is_not_told_of_are_refused_at_their_place(world: World) -> None:
    standing = world.put()
    asks: list[Callable[[], object]] = [
        lambda: world.put("wh_c1", "workflow_1", COMPLETED, "not.for.2026-02-09"),
        lambda: world.use.change("acme", standing.id, (COMPLETED, "not.for.2026-02-09")),
    ]
    for ask in asks:
        with pytest.raises(InvalidRequest) as refused:
            ask()
        assert [(each.place, each.message) for each in refused.value.problems] == [("enabledEvents.1", "Not here")]


def test_a_change_replaces_the_events_and_one_that_names_none_changes_nothing(world: World) -> None:
    made = world.put()
    assert world.use.change("acme", made.id, None) == made
    assert world.use.change("acme", made.id, (FAILED,)).events == (FAILED,)
    assert world.use.get("acme", made.id).events == (FAILED,)
    with pytest.raises(NotFound):
        world.use.change("other", made.id, (FAILED,))


def test_lists_are_newest_first_or_last_filtered_and_go_on_where_they_ended(world: World) -> None:
    made = [
        world.put(endpoint, workflow) for workflow in ("workflow_1", "workflow_2") for endpoint in ("wh_c1", "wh_c2")
    ]

    def walk(**given: object) -> list[str]:
        ids: list[str] = []
        after: Last | None = None
        while True:
            part, after = world.use.page("acme", after, 1, **given)  # type: ignore[arg-type] # checked by the callee
            ids += [each.id for each in part]
            if after is None:
                return ids

    ids = [each.id for each in made]
    assert walk() == ids[::-1]
    assert walk(ascending=True) == ids
    assert walk(endpoint_id="wh_c1", ascending=True) == [ids[0], ids[2]]
    assert walk(resource_id="workflow_2", ascending=True) == ids[2:]
    assert walk(endpoint_id="wh_c9") == []


def test_a_subscription_made_during_a_walk_shifts_none_of_the_others(world: World) -> None:
    made = [world.put("wh_c1", workflow) for workflow in ("workflow_1", "workflow_2")]
    first, after = world.use.page("acme", None, 1)
    world.put("wh_c2", "workflow_1")
    second, _ = world.use.page("acme", after, 5)
    assert [each.id for each in (*first, *second)] == [made[1].id, made[0].id]


def test_the_subscriptions_of_an_endpoint_go_all_and_alone(world: World) -> None:
    world.put("wh_c1", "workflow_1")
    world.put("wh_c1", "workflow_2")
    other = world.put("wh_c2", "workflow_1")
    world.use.remove_of("acme", "wh_c1")
    assert list(world.subscriptions.stored.values()) == [other]


def test_one_whose_endpoint_is_gone_is_not_shown_and_swept_where_it_is_found(world: World) -> None:
    orphan, kept = world.put("wh_c1"), world.put("wh_c2")
    world.endpoints.remove("acme", "wh_c1")
    assert world.use.page("acme", None, 10) == ([kept], None)
    assert list(world.subscriptions.stored.values()) == [kept]
    world.subscriptions.add(orphan)
    with pytest.raises(NotFound):
        world.use.get("acme", orphan.id)
    assert list(world.subscriptions.stored.values()) == [kept]


def test_a_workspace_has_room_for_so_many_and_those_that_there_are_can_be_replaced_all_the_same(world: World) -> None:
    standing = world.put("wh_c1", "workflow_1")
    for number in range(MAX_SUBSCRIPTIONS - 1):
        world.subscriptions.add(a_subscription("wh_c1", COMPLETED, resource_id=f"workflow_x{number}"))
    with pytest.raises(NotPermitted, match="500"):
        world.put("wh_c1", "workflow_2")
    assert world.put("wh_c1", "workflow_1", FAILED).id == standing.id
