"""ClaimStore: what the fake and the table must both do, and what the table's calls cost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import AT, a_claim
from fakes.blobs import FakeBlobs
from fakes.claims import FakeClaims

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.claims import DynamoClaims
from batchwork.adapters.packing import Packer
from batchwork.domain.idempotency import Answered, Claim, Prior, Ticket
from batchwork.ports.identity import ClaimStore

HOLD = timedelta(seconds=29)
LATER = AT + HOLD
DAY = timedelta(hours=24)
ANSWER = Answered(202, '{"data":"é\U0001f600\\n"}', {"Content-Type": "application/json", "Location": "/x"})


@pytest.fixture
def blobs() -> FakeBlobs:
    return FakeBlobs()


@pytest.fixture(params=["fake", "table"])
def claims(request: pytest.FixtureRequest, blobs: FakeBlobs) -> ClaimStore:
    if request.param == "fake":
        return FakeClaims()
    return DynamoClaims(request.getfixturevalue("table"), Packer(lambda: blobs))


def heir_of(claim: Claim, heir: Claim, noted: dict[str, Any] | None = None) -> Claim:
    """Return the claim of who takes over from the dead and goes on with their ticket."""
    return replace(heir, ticket=Ticket(claim.ticket.id, claim.ticket.at, again=True, noted=noted or {}))


def test_a_fresh_key_is_claimed_as_asked(claims: ClaimStore) -> None:
    claim = a_claim()
    assert claims.claim(claim, AT) == claim


def test_a_key_in_use_tells_of_whom_and_until_when(claims: ClaimStore) -> None:
    claims.claim(a_claim(), AT)
    almost = LATER - timedelta(milliseconds=1)
    assert claims.claim(a_claim(), almost) == Prior(body="the-body", until=LATER)
    assert claims.claim(a_claim(body="another"), almost) == Prior(body="the-body", until=LATER)


def test_other_names_and_other_workspaces_are_other_keys(claims: ClaimStore) -> None:
    claims.claim(a_claim(), AT)
    for other in (a_claim(name="another"), a_claim(workspace_id="other")):
        assert claims.claim(other, AT) == other


def test_a_holder_that_asks_again_still_holds(claims: ClaimStore) -> None:
    """The SDK repeats a request whose answer was lost."""
    claim = a_claim()
    claims.claim(claim, AT)
    assert claims.claim(claim, AT) == claim


# ── answers ──


def test_an_answer_is_replayed_as_it_was_given(claims: ClaimStore) -> None:
    claim = claims.claim(a_claim(), AT)
    assert isinstance(claim, Claim)
    claims.keep(claim, ANSWER)
    assert claims.claim(a_claim(), AT) == Prior(body="the-body", until=LATER, answered=ANSWER)
    assert claims.claim(a_claim(body="another"), AT + DAY / 2) == Prior(body="the-body", until=LATER, answered=ANSWER)


def test_an_answer_larger_than_a_row_is_replayed_too(claims: ClaimStore) -> None:
    claim = claims.claim(a_claim(), AT)
    assert isinstance(claim, Claim)
    large = replace(ANSWER, text=random.Random(1).randbytes(2_500_000).hex())
    claims.keep(claim, large)
    prior = claims.claim(a_claim(), AT)
    assert isinstance(prior, Prior)
    assert prior.answered == large


def test_an_answer_is_kept_for_a_day_from_the_first_request_on_and_not_longer(claims: ClaimStore) -> None:
    claim = claims.claim(a_claim(), AT)
    assert isinstance(claim, Claim)
    claims.keep(claim, ANSWER)
    end = AT + DAY
    prior = claims.claim(a_claim(), end - timedelta(milliseconds=1))
    assert isinstance(prior, Prior)
    assert prior.answered == ANSWER
    fresh = a_claim(at=end, body="another")
    assert claims.claim(fresh, end) == fresh
    assert claims.claim(a_claim(at=end), end) == Prior(body="another", until=end + HOLD)


# ── keys given back ──


def test_a_key_given_back_is_free_for_anything(claims: ClaimStore) -> None:
    claim = a_claim()
    claims.claim(claim, AT)
    claims.free(claim)
    other = a_claim(body="another")
    assert claims.claim(other, AT) == other


def test_a_key_given_back_by_who_may_have_done_the_work_goes_on_with_the_ticket(claims: ClaimStore) -> None:
    claim, heir = a_claim(), a_claim()
    claims.claim(claim, AT)
    assert claims.note(claim, {"first_id": 7})
    claims.free(claim, unsure=True)
    assert claims.claim(heir, AT) == heir_of(claim, heir, {"first_id": 7})


def test_a_key_given_back_by_who_may_have_done_the_work_is_free_for_another_body(claims: ClaimStore) -> None:
    claim, other = a_claim(), a_claim(body="another")
    claims.claim(claim, AT)
    claims.free(claim, unsure=True)
    assert claims.claim(other, AT) == other


# ── who died ──


def test_the_same_work_goes_on_with_the_ticket_of_who_died(claims: ClaimStore) -> None:
    dead = a_claim(ticket=Ticket("the-ticket", AT.replace(microsecond=123456)))
    claims.claim(dead, AT)
    claims.note(dead, {"first_id": 7, "name": "x"})
    heir = a_claim(at=LATER)
    assert claims.claim(heir, LATER) == heir_of(dead, heir, {"first_id": 7, "name": "x"})
    assert claims.claim(a_claim(at=LATER), LATER) == Prior(body="the-body", until=LATER + HOLD)


def test_what_the_heir_noted_is_read_by_the_heirs_heir(claims: ClaimStore) -> None:
    dead = a_claim()
    claims.claim(dead, AT)
    claims.note(dead, {"a": 1})
    first = claims.claim(a_claim(at=LATER), LATER)
    assert isinstance(first, Claim)
    claims.note(first, {**first.ticket.noted, "b": 2})
    second = a_claim(at=LATER + HOLD)
    assert claims.claim(second, LATER + HOLD) == heir_of(dead, second, {"a": 1, "b": 2})


def test_other_work_takes_a_dead_ones_key_with_a_ticket_of_its_own(claims: ClaimStore) -> None:
    dead, other = a_claim(), a_claim(at=LATER, body="another")
    claims.claim(dead, AT)
    claims.note(dead, {"first_id": 7})
    assert claims.claim(other, LATER) == other
    assert claims.claim(a_claim(at=LATER), LATER) == Prior(body="another", until=LATER + HOLD)
    heir = a_claim(at=LATER + HOLD, body="another")
    assert claims.claim(heir, LATER + HOLD) == heir_of(other, heir)


def test_an_heirs_answer_is_kept_for_a_day_from_the_first_request_on(claims: ClaimStore) -> None:
    claims.claim(a_claim(), AT)
    heir = claims.claim(a_claim(at=AT + DAY / 2), AT + DAY / 2)
    assert isinstance(heir, Claim)
    claims.keep(heir, ANSWER)
    assert isinstance(claims.claim(a_claim(), AT + DAY - HOLD), Prior)
    fresh = a_claim(at=AT + DAY)
    assert claims.claim(fresh, AT + DAY) == fresh


def test_a_key_is_held_beyond_its_day_while_an_heir_works(claims: ClaimStore) -> None:
    claims.claim(a_claim(), AT)
    late = AT + DAY - timedelta(seconds=1)
    assert isinstance(claims.claim(a_claim(at=late), late), Claim)
    assert claims.claim(a_claim(at=AT + DAY), AT + DAY) == Prior(body="the-body", until=late + HOLD)


@pytest.mark.parametrize("end", ["keep", "note", "free", "free unsure"])
def test_who_was_taken_for_dead_changes_nothing_any_more(claims: ClaimStore, end: str) -> None:
    dead = a_claim()
    claims.claim(dead, AT)
    heir = claims.claim(a_claim(at=LATER), LATER)
    assert isinstance(heir, Claim)
    ends: dict[str, Callable[[], None]] = {
        "keep": lambda: claims.keep(dead, ANSWER),
        "note": lambda: _refused(claims.note(dead, {"first_id": 9})),
        "free": lambda: claims.free(dead),
        "free unsure": lambda: claims.free(dead, unsure=True),
    }
    ends[end]()
    assert claims.claim(a_claim(at=LATER), LATER) == Prior(body="the-body", until=LATER + HOLD)
    after = claims.claim(a_claim(at=LATER + HOLD), LATER + HOLD)
    assert isinstance(after, Claim)
    assert after.ticket.noted == {}


def _refused(noted: bool) -> None:
    assert not noted


def test_what_was_never_claimed_can_neither_be_kept_nor_noted_nor_freed(claims: ClaimStore) -> None:
    claim = a_claim()
    claims.note(claim, {"a": 1})
    claims.keep(claim, ANSWER)
    claims.free(claim)
    claims.free(claim, unsure=True)
    assert claims.claim(claim, AT) == claim


# ── the table's row ──


class Races:
    """A table whose calls are seen, and before one of which something else happens."""

    def __init__(self, table: str, blobs: FakeBlobs) -> None:
        self.dynamodb = aws.client("dynamodb")
        self.store = DynamoClaims(table, Packer(lambda: blobs), self.dynamodb)
        self.calls: list[str] = []
        self.before: dict[int, Callable[[], object]] = {}
        self.dynamodb.meta.events.register("before-call.dynamodb", self._called)

    def _called(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        self.before.pop(len(self.calls), lambda: None)()


@pytest.fixture
def races(table: str, blobs: FakeBlobs) -> Races:
    return Races(table, blobs)


def test_a_fresh_key_costs_one_write_and_a_taken_one_no_further_read(races: Races) -> None:
    claim = a_claim()
    races.store.claim(claim, AT)
    races.store.claim(a_claim(), AT)
    races.store.keep(claim, ANSWER)
    races.store.claim(a_claim(), AT)
    races.store.claim(a_claim(at=AT + DAY), AT + DAY)
    assert races.calls == ["PutItem", "PutItem", "UpdateItem", "PutItem", "PutItem"]


def test_a_large_answer_stands_in_the_bucket_under_its_holders_token(races: Races, blobs: FakeBlobs) -> None:
    claim = a_claim(token="the-token")
    races.store.claim(claim, AT)
    races.store.keep(claim, ANSWER)
    assert blobs.kept == {}
    races.store.keep(claim, replace(ANSWER, text=random.Random(1).randbytes(400_000).hex()))
    assert list(blobs.kept) == ["idempotency/acme/the-name/the-token"]


def test_an_answer_whose_blob_is_gone_lets_the_same_work_go_on_and_keeps_the_key_bound(
    races: Races, blobs: FakeBlobs
) -> None:
    claim = a_claim()
    races.store.claim(claim, AT)
    races.store.note(claim, {"first_id": 7})
    races.store.keep(claim, replace(ANSWER, text=random.Random(1).randbytes(400_000).hex()))
    blobs.kept.clear()
    prior = races.store.claim(a_claim(body="another"), LATER)
    assert prior == Prior(body="the-body", until=LATER)
    heir = a_claim(at=LATER)
    assert races.store.claim(heir, LATER) == heir_of(claim, heir, {"first_id": 7})
    races.store.keep(heir, ANSWER)
    again = races.store.claim(a_claim(), LATER)
    assert isinstance(again, Prior)
    assert again.answered == ANSWER


def test_who_loses_the_race_for_a_dead_ones_key_is_told_of_the_winner(races: Races) -> None:
    races.store.claim(a_claim(), AT)
    races.before[3] = lambda: races.store.claim(a_claim(at=LATER, hold=2 * HOLD), LATER)
    assert races.store.claim(a_claim(at=LATER), LATER) == Prior(body="the-body", until=LATER + 2 * HOLD)


def test_who_was_taken_for_dead_and_answers_all_the_same_is_replayed(races: Races) -> None:
    slow = a_claim()
    races.store.claim(slow, AT)
    races.before[3] = lambda: races.store.keep(slow, ANSWER)
    assert races.store.claim(a_claim(at=LATER), LATER) == Prior(body="the-body", until=LATER, answered=ANSWER)


def test_a_key_given_back_between_two_looks_is_claimed_afresh(races: Races) -> None:
    slow, claim = a_claim(), a_claim(at=LATER)
    races.store.claim(slow, AT)
    races.before[3] = lambda: races.store.free(slow)
    assert races.store.claim(claim, LATER) == claim


def test_a_row_that_its_ttl_has_not_deleted_yet_is_free_and_never_deleted_too_soon(table: str, races: Races) -> None:
    claim = a_claim(at=datetime(2026, 1, 15, 10, 30, 0, 900000, tzinfo=UTC))
    races.store.claim(claim, claim.ticket.at)
    (row,) = races.dynamodb.scan(TableName=table)["Items"]
    end = claim.ticket.at + DAY
    assert int(row["expires_ms"]["N"]) == round(end.timestamp() * 1000)
    assert 0 <= int(row["expires_at"]["N"]) - end.timestamp() <= 1
    fresh = a_claim(at=end)
    assert races.store.claim(fresh, end) == fresh
