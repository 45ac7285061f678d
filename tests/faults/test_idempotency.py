"""Invariant 4 of docs (ARCHITECTURE.md): work asked for under one Idempotency-Key is done once.

Every schedule lets one call to the claims, the batches or the queue kill the process or fail, before or after it took
effect; then the client sends the same request again, as clients do. The store's side is tests/contract/test_claims.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from engine import Died, Engine, Fuse
from factories import AT, a_caller

from batchwork.domain.batch import Batch
from batchwork.domain.errors import IdempotencyKeyReused, QuotaExceeded, RequestInFlight
from batchwork.domain.idempotency import Ticket

TIME_LEFT = timedelta(seconds=29)
#: Claim, create, send, keep.
CALLS = 4
AFTER = [False, True]
TOTAL = 3


class Flaw(Fuse):
    """A call that fails, before or after it took effect, in a process that lives on."""

    def burn(self, call: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls += 1
            flawed = self.calls == self.at
        if flawed and not self.after:
            raise ConnectionError
        answer = call()
        if flawed:
            raise ConnectionError
        return answer


def batches(engine: Engine) -> list[Batch]:
    return engine.batches.find("acme", "messages", None, 0, 10).entries


def assert_done_once(engine: Engine) -> None:
    """Assert that there is one batch, charged once, that every further request is answered with, and that it ends."""
    ref, replayed = engine.submit_once(TOTAL, "the-key")
    assert replayed
    (batch,) = batches(engine)
    assert batch.ref == ref
    assert [charge.units for charge in engine.usage.charges("acme", "2026-01")] == [TOTAL]
    assert engine.usage.used("acme", "2026-01") == TOTAL
    assert engine.settle_everything(ref).succeeded == TOTAL


def test_invariant_4_submitting_under_a_key_makes_as_many_calls_as_the_schedules_below_break() -> None:
    """Breaks when Submit or Once calls a port more or less: CALLS would miss some."""
    engine, fuse = Engine(), Fuse()
    engine.submit_once(TOTAL, "the-key", fuse=fuse)
    assert fuse.calls == CALLS
    assert_done_once(engine)


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("point", range(1, CALLS + 1))
def test_invariant_4_who_submits_may_die_at_any_call_and_asking_again_makes_no_second_batch(
    point: int, after: bool
) -> None:
    """Break: Submit.__call__, give the batch an id of its own; or Once.__call__, work under the ticket just made."""
    engine = Engine()
    with suppress(Died):
        engine.submit_once(TOTAL, "the-key", fuse=Fuse(point, after=after))
    before = len(batches(engine))
    assert before == int(point > 2 or (point == 2 and after))
    claimed, answered = point > 1 or after, point == CALLS and after
    if claimed and not answered:
        engine.clock.pass_(TIME_LEFT - timedelta(milliseconds=1))
        with pytest.raises(RequestInFlight):
            engine.submit_once(TOTAL, "the-key")
        assert len(batches(engine)) == before, "nothing is begun while the first try may be alive"
        engine.clock.pass_(timedelta(milliseconds=1))
    assert engine.submit_once(TOTAL, "the-key")[1] is answered
    assert_done_once(engine)


def test_invariant_4_try_after_try_may_die_at_any_call() -> None:
    """Break: DynamoClaims.claim and FakeClaims.claim, take over with a new ticket; or Once, free a key whole."""
    fates = list(itertools.product(range(1, CALLS + 1), AFTER))
    for tries in itertools.product(fates, repeat=2):
        engine = Engine()
        for point, after in tries:
            with suppress(Died):
                engine.submit_once(TOTAL, "the-key", fuse=Fuse(point, after=after))
            engine.clock.pass_(TIME_LEFT)
        engine.submit_once(TOTAL, "the-key")
        assert_done_once(engine)


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("point", range(1, CALLS + 1))
def test_invariant_4_any_call_may_fail_and_asking_again_makes_no_second_batch(point: int, after: bool) -> None:
    """Break: Once._work, free the key whole after any error (`unsure=False`)."""
    engine = Engine()
    with suppress(ConnectionError):
        engine.submit_once(TOTAL, "the-key", fuse=Flaw(point, after=after))
    try:
        engine.submit_once(TOTAL, "the-key")
    except RequestInFlight:
        assert point in {1, CALLS}, "a key is given back at once when giving it back works"
        engine.clock.pass_(TIME_LEFT)
        engine.submit_once(TOTAL, "the-key")
    assert_done_once(engine)


@pytest.mark.parametrize("seconds", [1, 7, 29])
@pytest.mark.parametrize("point", range(2, CALLS + 1))
def test_invariant_4_a_key_is_held_for_as_long_as_the_function_can_live_and_no_longer(point: int, seconds: int) -> None:
    """Break: Once.__call__, hold for GATEWAY_PATIENCE whatever the function has left."""
    engine = Engine()
    time_left = timedelta(seconds=seconds)
    with suppress(Died):
        engine.submit_once(TOTAL, "the-key", time_left=time_left, fuse=Fuse(point))
    (hold,) = engine.claims.holds.values()
    assert hold.until == engine.clock.now() + time_left
    engine.clock.pass_(time_left)
    engine.submit_once(TOTAL, "the-key")
    assert_done_once(engine)


def test_invariant_4_the_answer_is_the_batch_that_the_first_try_stored_and_its_chunks_are_queued_again() -> None:
    """Break: Submit.__call__, answer with the batch just made up when create says that there is one."""
    engine, ticket = Engine(), Ticket("00000000-0000-4000-8000-000000000001", AT)
    first = engine._submit(150, a_caller(plan="enterprise"), ticket)
    sent = engine.queue.take()
    assert len(sent) == first.cut.chunks > 1
    engine.work(first.ref, 0)
    engine.clock.pass_(TIME_LEFT)
    again = engine._submit(150, a_caller(plan="enterprise"), ticket)
    assert again == engine.batch(first.ref)
    assert (again.created_at, again.succeeded) == (first.created_at, first.cut.chunk_size)
    assert engine.queue.take() == sent


def test_invariant_4_a_batch_that_ended_meanwhile_is_found_and_not_queued_again() -> None:
    """Break: Submit.resume, queue whatever it finds."""
    engine = Engine()
    with suppress(Died):
        engine.submit_once(TOTAL, "the-key", fuse=Fuse(3, after=True))
    (batch,) = batches(engine)
    ended = engine.settle_everything(batch.ref)
    assert ended.ended
    engine.clock.pass_(TIME_LEFT)
    assert engine.submit_once(TOTAL, "the-key") == (batch.ref, False)
    assert engine.queue.take() == []
    assert engine.batch(batch.ref) == ended


def test_invariant_4_a_refused_request_frees_its_key_for_one_put_right() -> None:
    """Break: Once._work, free with `unsure=True` after a refusal: the month of the first try would be charged."""
    engine, caller = Engine(), a_caller(monthly_quota=5)
    with pytest.raises(QuotaExceeded):
        engine.submit_once(6, "the-key", caller=caller)
    assert engine.claims.holds == {}
    assert engine.submit_once(5, "the-key", caller=caller)[1] is False
    with pytest.raises(IdempotencyKeyReused):
        engine.submit_once(4, "the-key", caller=caller)
    assert [batch.total for batch in batches(engine)] == [5]
    assert engine.usage.used("acme", "2026-01") == 5
