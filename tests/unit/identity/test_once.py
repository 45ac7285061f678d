"""Work that is asked for twice under one Idempotency-Key is done once (spec lookups 2.4)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from engine import Died
from factories import a_caller
from fakes.claims import FakeClaims
from fakes.clock import FakeClock

from batchwork.domain.errors import (
    AnswerTooLarge,
    IdempotencyKeyReused,
    QuotaExceeded,
    RequestInFlight,
    UpstreamFailed,
    UpstreamTimedOut,
)
from batchwork.domain.idempotency import Answered, Ticket
from batchwork.use_cases.once import Asked, Errand, Once

SECOND = timedelta(seconds=1)
TIME_LEFT = timedelta(seconds=29)
CALLER = a_caller()
ANSWER = Answered(202, '{"id":"1"}', {"Location": "/batches/1"})


def asked(
    *,
    key: str | None = "the-key",
    body: str = "the-body",
    name: str = "POST /api/v1/batches",
    time_left: timedelta = TIME_LEFT,
) -> Asked:
    return Asked(name=name, body=body, key=key, time_left=time_left)


class Works:
    """Work that is watched."""

    def __init__(self, act: Callable[[Errand], Answered] = lambda _: ANSWER) -> None:
        self.act = act
        self.tickets: list[Ticket] = []

    def __call__(self, errand: Errand) -> Answered:
        self.tickets.append(errand.ticket)
        return self.act(errand)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def claims() -> FakeClaims:
    return FakeClaims()


@pytest.fixture
def unkept() -> list[Exception]:
    return []


@pytest.fixture
def once(claims: FakeClaims, clock: FakeClock, unkept: list[Exception]) -> Once:
    numbers = itertools.count(1)
    return Once(claims, clock, lambda: f"id-{next(numbers)}", unkept.append)


def dies(_: Errand) -> Answered:
    raise Died


def refuses(_: Errand) -> Answered:
    raise QuotaExceeded(quota=1, used=1, units=1)


def fails(_: Errand) -> Answered:
    raise ConnectionError("nobody knows whether it was written")


# ── replays ──


@pytest.mark.parametrize("status", [200, 201, 202, 207])
def test_work_that_succeeded_is_not_done_again_and_its_answer_is_replayed(
    once: Once, clock: FakeClock, status: int
) -> None:
    work = Works(lambda _: Answered(status, "the answer", {"A": "b"}))
    assert once(CALLER, asked(), work) == (Answered(status, "the answer", {"A": "b"}), False)
    clock.pass_(timedelta(hours=23, minutes=59))
    assert once(CALLER, asked(), work) == (Answered(status, "the answer", {"A": "b"}), True)
    assert len(work.tickets) == 1


def test_an_answer_is_forgotten_after_a_day(once: Once, clock: FakeClock) -> None:
    work = Works()
    once(CALLER, asked(), work)
    clock.pass_(timedelta(hours=24))
    assert once(CALLER, asked(body="another"), work) == (ANSWER, False)
    assert [ticket.again for ticket in work.tickets] == [False, False]


def test_without_a_key_all_is_done_each_time_and_nothing_is_kept(once: Once, claims: FakeClaims) -> None:
    work = Works()
    for _ in range(2):
        assert once(CALLER, asked(key=None), work) == (ANSWER, False)
    first, second = work.tickets
    assert first.id != second.id
    assert claims.holds == {}


def test_a_key_is_bound_to_what_was_asked_with_it(once: Once) -> None:
    work = Works()
    once(CALLER, asked(), work)
    with pytest.raises(IdempotencyKeyReused):
        once(CALLER, asked(body="another"), work)
    assert len(work.tickets) == 1


@pytest.mark.parametrize(
    ("workspace", "name", "key"),
    [
        ("other", "POST /api/v1/batches", "the-key"),
        ("acme", "POST /api/v1/chats", "the-key"),
        ("acme", "DELETE /api/v1/batches", "the-key"),
        ("acme", "POST /api/v1/batches", "another-key"),
    ],
    ids=["workspace", "path", "method", "key"],
)
def test_another_workspace_method_path_or_key_is_other_work(once: Once, workspace: str, name: str, key: str) -> None:
    work = Works()
    once(CALLER, asked(), work)
    answer = once(a_caller(workspace_id=workspace), asked(name=name, key=key, body="another"), work)
    assert answer == (ANSWER, False)


def test_two_keys_of_one_workspace_share_its_idempotency_keys(once: Once) -> None:
    once(CALLER, asked(), Works())
    assert once(a_caller(key_id="k2"), asked(), Works())[1] is True


# ── in flight ──


def test_work_under_way_is_not_begun_a_second_time(once: Once) -> None:
    seen: list[timedelta] = []

    def meanwhile(_: Errand) -> Answered:
        with pytest.raises(RequestInFlight) as refusal:
            once(CALLER, asked(), Works())
        seen.append(refusal.value.facts["retry_after"])
        with pytest.raises(IdempotencyKeyReused):
            once(CALLER, asked(body="another"), Works())
        return ANSWER

    assert once(CALLER, asked(), Works(meanwhile)) == (ANSWER, False)
    assert seen == [timedelta(seconds=5)]


def test_who_waits_for_the_dead_is_asked_to_wait_no_longer_than_they_could_have_lived(
    once: Once, clock: FakeClock
) -> None:
    with pytest.raises(Died):
        once(CALLER, asked(time_left=3 * SECOND), Works(dies))
    clock.pass_(2 * SECOND)
    with pytest.raises(RequestInFlight) as refusal:
        once(CALLER, asked(), Works())
    assert refusal.value.facts["retry_after"] == SECOND


def test_a_function_that_dies_frees_the_key_when_it_can_no_longer_be_alive(
    once: Once, clock: FakeClock, claims: FakeClaims
) -> None:
    began = clock.now()
    with pytest.raises(Died):
        once(CALLER, asked(), Works(dies))
    assert [hold.until for hold in claims.holds.values()] == [began + TIME_LEFT]
    clock.pass_(TIME_LEFT - timedelta(milliseconds=1))
    with pytest.raises(RequestInFlight):
        once(CALLER, asked(), Works())
    clock.pass_(timedelta(milliseconds=1))
    assert once(CALLER, asked(), Works()) == (ANSWER, False)


def test_who_takes_over_from_the_dead_goes_on_under_their_ticket(once: Once, clock: FakeClock) -> None:
    dead, heir = Works(dies), Works()
    with pytest.raises(Died):
        once(CALLER, asked(), dead)
    clock.pass_(TIME_LEFT)
    once(CALLER, asked(), heir)
    (first,), (second,) = dead.tickets, heir.tickets
    assert (first.again, second.again) == (False, True)
    assert (second.id, second.at) == (first.id, first.at)


# ── refusals and failures ──


@pytest.mark.parametrize("error", [UpstreamTimedOut(), UpstreamFailed(reason="No answer.")])
def test_an_error_that_leaves_open_what_was_done_keeps_the_ticket(
    once: Once, claims: FakeClaims, error: Exception
) -> None:
    # Break: Once._work, take every error of ours for a refusal.
    def fails(_: Errand) -> Answered:
        raise error

    first = Works(fails)
    with pytest.raises(type(error)):
        once(CALLER, asked(), first)
    work = Works()
    assert once(CALLER, asked(), work) == (ANSWER, False)
    assert work.tickets[0].again
    assert work.tickets[0].id == first.tickets[0].id


def test_a_refusal_frees_the_key_for_a_request_put_right(once: Once, claims: FakeClaims) -> None:
    with pytest.raises(QuotaExceeded):
        once(CALLER, asked(), Works(refuses))
    assert claims.holds == {}
    work = Works()
    assert once(CALLER, asked(body="put right"), work) == (ANSWER, False)
    assert not work.tickets[0].again


@pytest.mark.parametrize("status", [301, 400, 402, 404, 409, 422, 429, 500, 503])
def test_any_other_answer_is_not_kept(once: Once, claims: FakeClaims, status: int) -> None:
    work = Works(lambda _: Answered(status, "no"))
    for _ in range(2):
        assert once(CALLER, asked(), work) == (Answered(status, "no"), False)
    assert len(work.tickets) == 2
    assert claims.holds == {}


def test_work_of_which_nobody_knows_whether_it_was_done_goes_on_under_its_ticket_at_once(once: Once) -> None:
    """Breaks when Once frees a key whole after an unexpected error: the next try would make a second batch."""
    failed, heir = Works(fails), Works()
    with pytest.raises(ConnectionError):
        once(CALLER, asked(), failed)
    assert once(CALLER, asked(), heir) == (ANSWER, False)
    assert heir.tickets == [Ticket(failed.tickets[0].id, failed.tickets[0].at, again=True)]


@pytest.mark.parametrize("act", [refuses, fails, lambda _: Answered(409, "changed")], ids=["refused", "failed", "409"])
def test_a_later_trys_refusal_does_not_make_an_earlier_ones_work_unknown(
    once: Once, clock: FakeClock, act: Callable[[Errand], Answered]
) -> None:
    dead, heir = Works(dies), Works()
    with pytest.raises(Died):
        once(CALLER, asked(), dead)
    clock.pass_(TIME_LEFT)
    with suppress(QuotaExceeded, ConnectionError):
        once(CALLER, asked(), Works(act))
    once(CALLER, asked(), heir)
    assert heir.tickets == [Ticket(dead.tickets[0].id, dead.tickets[0].at, again=True)]


def test_an_answer_that_cannot_be_kept_is_given_all_the_same_and_told(
    claims: FakeClaims, clock: FakeClock, unkept: list[Exception]
) -> None:
    class Forgetful(FakeClaims):
        def keep(self, *_: object) -> None:
            raise ConnectionError

    numbers = itertools.count(1)
    once = Once(Forgetful(), clock, lambda: f"id-{next(numbers)}", unkept.append)
    work = Works()
    assert once(CALLER, asked(), work) == (ANSWER, False)
    assert [type(error) for error in unkept] == [ConnectionError]
    clock.pass_(TIME_LEFT)
    once(CALLER, asked(), work)
    assert work.tickets[1] == Ticket(work.tickets[0].id, work.tickets[0].at, again=True)


def test_a_key_that_cannot_be_given_back_hides_no_refusal(clock: FakeClock, unkept: list[Exception]) -> None:
    class Stubborn(FakeClaims):
        def free(self, *_: object, **__: object) -> None:
            raise ConnectionError

    numbers = itertools.count(1)
    once = Once(Stubborn(), clock, lambda: f"id-{next(numbers)}", unkept.append)
    with pytest.raises(QuotaExceeded):
        once(CALLER, asked(), Works(refuses))
    assert [type(error) for error in unkept] == [ConnectionError]


# ── what tries share ──


def test_a_fixed_value_is_made_by_the_first_try_and_used_by_all(once: Once, clock: FakeClock) -> None:
    numbers = itertools.count(1)
    used: list[tuple[int, str]] = []

    def work(errand: Errand) -> Answered:
        pair = errand.fixed("first_id", lambda: next(numbers)), errand.fixed("name", lambda: f"name-{next(numbers)}")
        used.append((errand.fixed("first_id", lambda: next(numbers)), pair[1]))
        if len(used) < 3:
            raise Died
        return ANSWER

    for _ in range(2):
        with pytest.raises(Died):
            once(CALLER, asked(), work)
        clock.pass_(TIME_LEFT)
    once(CALLER, asked(), work)
    assert used == [(1, "name-2")] * 3


def test_without_a_key_a_value_is_made_and_noted_nowhere(once: Once, claims: FakeClaims) -> None:
    made: list[int] = []
    once(CALLER, asked(key=None), lambda errand: made.append(errand.fixed("n", lambda: 7)) or ANSWER)  # type: ignore[func-returns-value] # in one line
    assert made == [7]
    assert claims.holds == {}


def test_who_was_taken_for_dead_cannot_go_on_with_a_value_of_its_own(once: Once, clock: FakeClock) -> None:
    """Breaks when Errand.fixed does not look at what noting says: two tries would store two things."""
    stored: list[int] = []

    def slow(errand: Errand) -> Answered:
        clock.pass_(TIME_LEFT)
        once(CALLER, asked(), lambda heir: stored.append(heir.fixed("n", lambda: 1)) or ANSWER)  # type: ignore[func-returns-value] # in one line
        stored.append(errand.fixed("n", lambda: 2))
        return ANSWER

    with pytest.raises(RequestInFlight):
        once(CALLER, asked(), slow)
    assert stored == [1]


def test_an_answer_too_large_to_be_sent_does_not_make_its_work_unknown(once: Once) -> None:
    """Breaks when Once counts AnswerTooLarge among the refusals: the work is done, and a new ticket would repeat it."""

    def done_and_too_large(_: Errand) -> Answered:
        raise AnswerTooLarge(size=2, limit=1)

    works = Works(done_and_too_large)
    for _ in range(2):
        with pytest.raises(AnswerTooLarge):
            once(CALLER, asked(), works)
    first, second = works.tickets
    assert (second.id, first.again, second.again) == (first.id, False, True)
