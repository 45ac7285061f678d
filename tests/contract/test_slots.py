from __future__ import annotations

from datetime import timedelta

import pytest
from factories import AT
from fakes.slots import FakeSlots

from batchwork.adapters.dynamodb.slots import DynamoSlots
from batchwork.ports.webhooks import ReceiverSlots

HOLD = timedelta(seconds=30)
HOST = "hooks.example.com:443"


@pytest.fixture(params=["fake", "dynamodb"])
def slots(request: pytest.FixtureRequest) -> ReceiverSlots:
    return FakeSlots(2) if request.param == "fake" else DynamoSlots(request.getfixturevalue("table"), 2)


def take(slots: ReceiverSlots, holder: str, *, receiver: str = HOST, workspace: str = "acme", after: int = 0) -> bool:
    now = AT + timedelta(seconds=after)
    return slots.take(workspace, receiver, holder, now + HOLD, now)


def test_a_receiver_keeps_no_more_than_its_share_of_the_senders(slots: ReceiverSlots) -> None:
    assert take(slots, "one")
    assert take(slots, "two")
    assert not take(slots, "three")


def test_a_slot_given_back_is_free_for_the_next(slots: ReceiverSlots) -> None:
    take(slots, "one")
    take(slots, "two")
    slots.free("acme", HOST, "one")
    assert take(slots, "three")
    assert not take(slots, "one")


def test_other_receivers_and_other_workspaces_have_shares_of_their_own(slots: ReceiverSlots) -> None:
    take(slots, "one")
    take(slots, "two")
    assert take(slots, "three", receiver="hooks.example.com:8443")
    assert take(slots, "three", workspace="other")


def test_a_sender_that_died_keeps_its_slot_only_until_its_hold_ends(slots: ReceiverSlots) -> None:
    take(slots, "one")
    take(slots, "two", after=10)
    assert not take(slots, "three", after=29)
    assert take(slots, "three", after=30)
    assert not take(slots, "four", after=30)


def test_a_sender_that_holds_a_slot_already_is_not_refused(slots: ReceiverSlots) -> None:
    take(slots, "one")
    take(slots, "two")
    assert take(slots, "one", after=1)


def test_giving_back_what_is_not_held_does_nothing(slots: ReceiverSlots) -> None:
    slots.free("acme", HOST, "nobody")
    assert take(slots, "one")
