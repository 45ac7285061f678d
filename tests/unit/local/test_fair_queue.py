"""What Amazon SQS promises of fair queues, kept by the local emulator's standard queues."""

from __future__ import annotations

from collections import Counter
from typing import Any

from local.fair_queue import Message, Turns

NOW = 1_000.0


def a_message(*, group: str | None = "a", visible_at: float = NOW, received: int = 0, name: str = "") -> Message:
    return {"id": name, "group_id": group, "visible_at": visible_at, "receive_count": received}


def receive(turns: Turns, messages: list[Message], wanted: int = 1) -> list[str]:
    """Receive as the emulator does: what is picked is invisible from then on."""
    picked = turns.pick(messages, wanted, NOW)
    for message in picked:
        message["visible_at"] = NOW + 300
        message["receive_count"] += 1
    return [message["id"] for message in picked]


def test_one_group_is_served_oldest_first() -> None:
    messages = [a_message(name=str(n)) for n in range(5)]
    assert receive(Turns(), messages, wanted=3) == ["0", "1", "2"]


def test_a_newcomer_does_not_wait_for_a_thousand_messages_of_another() -> None:
    messages = [a_message(group="busy", name=f"busy-{n}") for n in range(1000)]
    turns = Turns()
    assert receive(turns, messages, wanted=4) == ["busy-0", "busy-1", "busy-2", "busy-3"]
    messages.append(a_message(group="small", name="small"))
    assert receive(turns, messages) == ["small"]


def test_the_group_with_the_fewest_in_flight_goes_first() -> None:
    flying = [a_message(group="a", visible_at=NOW + 60, received=1) for _ in range(3)]
    flying += [a_message(group="b", visible_at=NOW + 60, received=1) for _ in range(2)]
    waiting = [a_message(group=group, name=group) for group in ("a", "b")]
    assert receive(Turns(), flying + waiting, wanted=2) == ["b", "a"]


def test_groups_with_the_same_load_take_turns_even_when_work_ends_at_once() -> None:
    messages = [a_message(group="a", name="a") for _ in range(6)] + [a_message(group="b", name="b") for _ in range(3)]
    turns = Turns()
    served = []
    for _ in range(6):
        served += receive(turns, messages)
        messages = [message for message in messages if not message["receive_count"]]
    assert served == ["a", "b", "a", "b", "a", "b"]


def test_a_batch_is_spread_over_groups() -> None:
    messages = [a_message(group="a", name="a") for _ in range(10)]
    messages += [a_message(group="b", name="b"), a_message(group="c", name="c")]
    assert Counter(receive(Turns(), messages, wanted=4)) == {"a": 2, "b": 1, "c": 1}


def test_delayed_messages_are_neither_received_nor_in_flight() -> None:
    delayed = [a_message(group="a", visible_at=NOW + 5) for _ in range(9)]
    waiting = [a_message(group="a", name="a"), a_message(group="b", name="b")]
    assert receive(Turns(), delayed + waiting, wanted=10) == ["a", "b"]


def test_messages_without_a_group_are_served_too() -> None:
    messages = [a_message(group=None, name="plain"), a_message(group="a", name="a")]
    assert sorted(receive(Turns(), messages, wanted=10)) == ["a", "plain"]


def test_groups_that_left_the_queue_are_forgotten() -> None:
    turns = Turns()
    for n in range(100):
        receive(turns, [a_message(group=str(n))])
    remembered: dict[Any, int] = turns._served
    assert list(remembered) == ["99"]
