"""ChatStore: the twin and the table keep the same promises."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fakes.blobs import FakeBlobs
from fakes.chats import FakeChats

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.chat_rows import chat_row
from batchwork.adapters.dynamodb.chats import DynamoChats
from batchwork.adapters.packing import Packer
from batchwork.domain.chat import Chat, Turn
from batchwork.ports.messages import ChatStore

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
AGENT = str(uuid4())
# The seed's own example of `response_usage`.
SEED_USAGE = {
    "tool_calls": [
        {
            "model": "gemini-2.5-flash",
            "call_type": "tool_call",
            "total_tokens": 195,
            "prompt_tokens": 150,
            "completion_tokens": 45,
        }
    ],
    "total_calls": 1,
    "total_tokens": 195,
    "main_response": None,
    "total_prompt_tokens": 150,
    "total_completion_tokens": 45,
}


@pytest.fixture
def blobs() -> FakeBlobs:
    return FakeBlobs()


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest, blobs: FakeBlobs) -> ChatStore:
    if request.param == "fake":
        return FakeChats()
    return DynamoChats(request.getfixturevalue("table"), Packer(lambda: blobs), aws.client("dynamodb"))


def a_chat(chat_id: int = 12345, **changes: Any) -> Chat:
    chat = Chat(id=chat_id, workspace_id="acme", name=f"Chat {chat_id}", agent_id=AGENT, created_at=NOW)
    return replace(chat, **changes)


def a_turn(turn_id: int = 12346, chat_id: int = 12345, **changes: Any) -> Turn:
    turn = Turn(
        id=turn_id,
        chat_id=chat_id,
        agent_id=AGENT,
        message="When are you open?",
        answer="From nine to five.",
        usage=SEED_USAGE,
        created_at=NOW,
    )
    return replace(turn, **changes)


def test_a_chat_created_empty_has_no_turns(store: ChatStore) -> None:
    chat = a_chat(external_user_id="user_123", name="Öffnungszeiten 🙂")
    store.create(chat)
    assert store.get("acme", chat.id) == chat
    assert store.turns("acme", chat.id) == []


def test_a_chat_is_created_once_and_then_returned_as_it_is(store: ChatStore) -> None:
    assert store.create(a_chat()) == a_chat()
    store.rename("acme", 12345, "Returns")
    store.add([], [("acme", a_turn(7))])
    assert store.create(a_chat()) == a_chat(name="Returns")
    assert store.get("acme", 12345) == a_chat(name="Returns")
    assert store.turns("acme", 12345) == [a_turn(7)]


def test_a_turn_is_found_by_its_id_wherever_it_stands(store: ChatStore) -> None:
    first, second = a_turn(9), a_turn(20, message="And on Sundays?")
    store.add([(a_chat(), first)], [("acme", second)])
    assert [store.turn("acme", 12345, number) for number in (9, 20, 21)] == [first, second, None]
    assert store.turn("other", 12345, 20) is None
    assert store.turn("acme", 12346, 20) is None


def test_a_chat_without_turns_has_none_of_any_id(store: ChatStore) -> None:
    store.create(a_chat())
    assert store.turn("acme", 12345, 12345) is None


def test_what_is_not_there_is_none(store: ChatStore) -> None:
    assert store.get("acme", 1) is None
    assert store.turn("acme", 1, 2) is None
    assert store.turns("acme", 1) == []
    assert store.rename("acme", 1, "name") is None
    assert store.get("acme", 1) is None
    assert store.find("acme", 0, 10).total == 0


def test_a_started_chat_comes_back_with_its_first_turn(store: ChatStore) -> None:
    chat, turn = a_chat(external_user_id="user_123"), a_turn(file_ids=(str(uuid4()), str(uuid4())))
    store.add([(chat, turn)], [])
    assert store.get("acme", chat.id) == chat
    assert store.turns("acme", chat.id) == [turn]


def test_a_first_turn_of_another_agent_at_another_time_keeps_both(store: ChatStore) -> None:
    chat, turn = a_chat(), a_turn(agent_id=str(uuid4()), created_at=NOW + timedelta(seconds=3))
    store.add([(chat, turn)], [])
    assert store.turns("acme", chat.id) == [turn]


@pytest.mark.parametrize(
    "usage",
    [
        SEED_USAGE,
        {**SEED_USAGE, "main_response": SEED_USAGE["tool_calls"][0], "tool_calls": []},  # type: ignore[index] # JSON
        {**SEED_USAGE, "cached_tokens": 7},
        {**SEED_USAGE, "main_response": {"model": "other shape"}},
        {"tool_calls": None},
        {},
    ],
)
def test_usage_of_any_shape_comes_back_as_it_was(store: ChatStore, usage: dict[str, Any]) -> None:
    store.add([(a_chat(), a_turn(usage=usage))], [("acme", a_turn(12347, usage=usage))])
    assert [turn.usage for turn in store.turns("acme", 12345)] == [usage, usage]


def test_turns_come_oldest_first_whatever_way_they_came(store: ChatStore) -> None:
    first, second, third = a_turn(9), a_turn(20, message="And on Sundays?"), a_turn(100, answer="Closed.")
    store.add([(a_chat(), first)], [("acme", third)])
    store.add([], [("acme", second)])
    assert store.turns("acme", 12345) == [first, second, third]


def test_a_turn_that_came_later_is_shown_later_whatever_its_id(store: ChatStore) -> None:
    early, late = a_turn(900, created_at=NOW), a_turn(20, created_at=NOW + timedelta(milliseconds=1))
    store.add([(a_chat(), early)], [("acme", late)])
    assert store.turns("acme", 12345) == [early, late]


def test_a_chat_created_empty_is_continued(store: ChatStore) -> None:
    store.create(a_chat())
    store.add([], [("acme", a_turn(7))])
    assert store.turns("acme", 12345) == [a_turn(7)]
    assert store.get("acme", 12345) == a_chat()


def test_adding_the_same_again_adds_nothing(store: ChatStore) -> None:
    started, continued = [(a_chat(), a_turn())], [("acme", a_turn(20_000))]
    store.add(started, continued)
    store.add(started, continued)
    assert store.turns("acme", 12345) == [a_turn(), a_turn(20_000)]
    assert store.find("acme", 0, 10).total == 1


def test_a_hundred_chats_are_added_at_once(store: ChatStore) -> None:
    started = [(a_chat(n), a_turn(n + 1, chat_id=n)) for n in range(2, 202, 2)]
    store.add(started, [("acme", a_turn(1000 + n, chat_id=2)) for n in range(30)])
    assert store.find("acme", 0, 1).total == 100
    assert len(store.turns("acme", 2)) == 31


def test_a_rename_shows_everywhere_and_keeps_the_turns(store: ChatStore) -> None:
    chat, turn = a_chat(external_user_id="u"), a_turn()
    store.add([(chat, turn)], [])
    renamed = replace(chat, name="Returns")
    assert store.rename("acme", chat.id, "Returns") == renamed
    assert store.get("acme", chat.id) == renamed
    assert store.find("acme", 0, 10).entries == [renamed]
    assert store.turns("acme", chat.id) == [turn]


def test_chats_are_listed_newest_first_without_their_turns_and_counted(store: ChatStore) -> None:
    ids = [3, 40, 5, 21, 19, 1000, 999]
    for n in ids:
        store.add([(a_chat(n), a_turn(2000 + n, chat_id=n))], [("acme", a_turn(4000 + n, chat_id=n))])
    page = store.find("acme", 1, 3)
    assert ([chat.id for chat in page.entries], page.total) == ([999, 40, 21], 7)
    assert store.find("acme", 0, 100).entries == [a_chat(n) for n in sorted(ids, reverse=True)]
    beyond = store.find("acme", 7, 100)
    assert (beyond.entries, beyond.total) == ([], 7)


def test_another_workspace_sees_nothing(store: ChatStore) -> None:
    store.add([(a_chat(), a_turn())], [("acme", a_turn(20_000))])
    assert store.get("other", 12345) is None
    assert store.turns("other", 12345) == []
    assert store.rename("other", 12345, "mine") is None
    assert store.find("other", 0, 10).total == 0
    assert store.get("acme", 12345) == a_chat()


def test_a_chat_does_not_show_turns_of_a_chat_whose_id_begins_alike(store: ChatStore) -> None:
    store.create(a_chat(1))
    store.add([(a_chat(17), a_turn(18, chat_id=17))], [("acme", a_turn(20, chat_id=17))])
    assert store.turns("acme", 1) == []


def test_texts_too_large_for_a_row_come_back_whole(store: ChatStore, blobs: FakeBlobs) -> None:
    answer = os.urandom(450_000).hex()
    first, second = a_turn(answer=answer), a_turn(20_000, answer=answer[::-1])
    store.add([(a_chat(), first)], [("acme", second)])
    assert store.turns("acme", 12345) == [first, second]
    if isinstance(store, DynamoChats):
        assert len(blobs.kept) == 2


QUESTION = """I ordered a pair of running shoes from your web shop two weeks ago, and when the parcel finally arrived
yesterday the left shoe was one size smaller than the right one. I have already thrown away the outer box, but I still
have the inner carton, the invoice and the label. Could you please tell me how I can return them, whether I have to pay
for the shipping myself, how long the refund usually takes, and if it would be possible to exchange them for the correct
size instead of getting my money back? Thanks!"""
REPLY = """I am sorry to hear that your shoes arrived in two different sizes; that should never have happened. You can
return them free of charge within thirty days of delivery, and you do not need the outer box, as the inner carton
together with the invoice is enough for our warehouse team. Please open the returns page in your account, choose the
order from the list, select "wrong item received" as the reason, and print the prepaid label that is shown at the end.
Drop the parcel at any post office or pick-up point near you. If you would rather exchange the shoes, tick the box
"send me a replacement" on the same page, and we will dispatch the correct size as soon as the carrier has scanned your
parcel, normally on the next working day. A refund, on the other hand, is paid to the card or account that you used for
the purchase, and it takes between three and five working days after the goods have reached us. Should the label not
print, or should the page show an error, simply reply here and a colleague will send you one by e-mail."""


def test_a_new_chat_of_half_a_kilobyte_asked_and_one_answered_is_one_write_unit() -> None:
    chat = a_chat(1_234_567, name=QUESTION[:256], external_user_id="user_123", workspace_id="w7k2m9qp4x")
    turn = a_turn(1_234_568, chat_id=chat.id, message=QUESTION, answer=REPLY)
    row = chat_row(chat, turn, Packer(FakeBlobs))
    # How DynamoDB counts: attribute names, and values in UTF-8 or bytes.
    size = sum(len(name) + len(value) for name, wired in row.items() for value in wired.values())
    assert 500 <= len(QUESTION) <= 550
    assert len(REPLY) >= 1000
    assert size <= 1024
