"""A new secret for an endpoint, and the one before it for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.clock import FakeClock
from fakes.endpoint_health import FakeEndpointHealth
from fakes.shelf import FakeShelf
from unit.webhooks.deliveries import a_told_delivery, an_endpoint

from batchwork.domain.errors import NotFound, NotPermitted
from batchwork.domain.idempotency import Ticket
from batchwork.domain.webhook_endpoint import MAX_ENDPOINTS, MAX_OVERLAP, OVERLAP, WebhookEndpoint
from batchwork.use_cases.webhook_endpoints import WebhookEndpoints, random_secret

DAY, NONE = timedelta(days=1), timedelta()
ENDPOINT = an_endpoint(id="wh_c1", secret="whsec_1")


@pytest.fixture
def shelf() -> FakeShelf[WebhookEndpoint]:
    made = FakeShelf[WebhookEndpoint]()
    made.add(ENDPOINT)
    return made


@pytest.fixture
def webhooks(shelf: FakeShelf[WebhookEndpoint]) -> WebhookEndpoints:
    secrets = (f"whsec_{number}" for number in range(2, 100))
    return WebhookEndpoints(shelf, FakeEndpointHealth(), FakeClock(), "voxburst", lambda _: next(secrets))


def rotate(webhooks: WebhookEndpoints, overlap: timedelta, ticket: str = "t-1") -> WebhookEndpoint:
    return webhooks.rotate("acme", "wh_c1", overlap, Ticket(ticket, webhooks.clock.now()))


def signing(webhooks: WebhookEndpoints) -> list[str | None]:
    """Return what signs a delivery now: the secret of the own headers, and the one that follows it."""
    addressed = webhooks.get("acme", "wh_c1").addressed(a_told_delivery(endpoint=ENDPOINT), webhooks.clock.now())
    return [addressed.secret, addressed.next_secret]


def test_both_secrets_sign_until_the_overlap_is_over_and_then_the_new_one_alone(webhooks: WebhookEndpoints) -> None:
    made = rotate(webhooks, DAY)
    assert (made.secret, made.previous, made.previous_until) == ("whsec_2", "whsec_1", webhooks.clock.now() + DAY)
    assert signing(webhooks) == ["whsec_1", "whsec_2"]
    assert isinstance(webhooks.clock, FakeClock)
    webhooks.clock.pass_(DAY - timedelta(milliseconds=1))
    assert signing(webhooks) == ["whsec_1", "whsec_2"]
    webhooks.clock.pass_(timedelta(milliseconds=1))
    assert signing(webhooks) == ["whsec_2", None]


def test_without_an_overlap_the_secret_before_never_signs_again(webhooks: WebhookEndpoints) -> None:
    rotate(webhooks, NONE)
    assert signing(webhooks) == ["whsec_2", None]
    assert webhooks.get("acme", "wh_c1").previous is None


def test_each_try_of_one_rotation_returns_the_same_secret_and_rotates_once(webhooks: WebhookEndpoints) -> None:
    """Break: WebhookEndpoints.rotate, do not look for the ticket's own rotation."""
    first = rotate(webhooks, DAY)
    assert rotate(webhooks, DAY) == first
    assert signing(webhooks) == ["whsec_1", "whsec_2"]


def test_another_rotation_waits_for_the_overlap_or_has_none(webhooks: WebhookEndpoints) -> None:
    rotate(webhooks, DAY)
    with pytest.raises(NotPermitted, match="still signs"):
        rotate(webhooks, DAY, "t-2")
    assert signing(webhooks) == ["whsec_1", "whsec_2"]
    rotate(webhooks, NONE, "t-3")
    secret, following = signing(webhooks)
    assert following is None
    assert secret not in {"whsec_1", "whsec_2"}
    rotate(webhooks, DAY, "t-4")
    assert signing(webhooks)[0] == secret


def test_a_change_of_the_endpoint_keeps_both_secrets(webhooks: WebhookEndpoints) -> None:
    rotate(webhooks, DAY)
    webhooks.change("acme", "wh_c1", {"url": "https://moved.example.com/"})
    assert signing(webhooks) == ["whsec_1", "whsec_2"]


def test_an_overlap_is_a_day_unless_asked_for_and_seven_at_most() -> None:
    assert (OVERLAP, MAX_OVERLAP) == (DAY, 7 * DAY)


# ── Endpoints of several styles on one shelf ──


def test_endpoints_of_another_style_are_neither_found_nor_changed_nor_counted(
    shelf: FakeShelf[WebhookEndpoint], webhooks: WebhookEndpoints
) -> None:
    other = an_endpoint(id="wh_c2", style="extend")
    shelf.add(other)
    assert [each.id for each in webhooks.page("acme", None, 10)[0].entries] == ["wh_c1"]
    calls: list[Callable[[], object]] = [
        lambda: webhooks.get("acme", "wh_c2"),
        lambda: webhooks.change("acme", "wh_c2", {"enabled": False}),
        lambda: webhooks.rotate("acme", "wh_c2", DAY, Ticket("t", webhooks.clock.now())),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    webhooks.remove("acme", "wh_c2")
    assert shelf.get("acme", "wh_c2") == other
    for number in range(MAX_ENDPOINTS):
        shelf.add(an_endpoint(id=f"wh_cx{number}", style="extend"))
    webhooks.check_room("acme")
    with pytest.raises(NotPermitted):
        replace(webhooks, style="extend").check_room("acme")


def test_each_style_has_secrets_of_its_own_form() -> None:
    assert random_secret("extend").startswith("wss_")
    assert random_secret("voxburst").startswith("whsec_")
    assert len({random_secret("extend") for _ in range(100)}) == 100
    assert len(random_secret("extend").removeprefix("wss_")) == 43
