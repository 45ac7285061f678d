"""The engine's promises, one test each, over fakes (architecture sections 2 and 3)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from engine import EchoProcessor, Engine, failing
from factories import a_webhook
from fakes.batches import FakeBatches

from batchwork.domain.batch import BatchRef, BatchStatus
from batchwork.domain.errors import EngineFailed, NotCancellable, NotFound
from batchwork.domain.item import Item, ItemStatus, Outcome, Success


def test_a_batch_goes_from_submit_to_completed() -> None:
    engine = Engine()
    ref = engine.submit(25)
    assert engine.batch(ref).status is BatchStatus.IN_PROGRESS
    batch = engine.settle_everything(ref)
    assert (batch.status, batch.succeeded, batch.failed) == (BatchStatus.COMPLETED, 25, 0)
    assert [view.item.index for view in engine.views(ref)] == list(range(25))


def test_a_batch_whose_every_item_failed_is_still_completed() -> None:
    engine = Engine(EchoProcessor(rule=lambda _item, _tries: failing(400)))
    ref = engine.submit(3)
    batch = engine.settle_everything(ref)
    assert (batch.status, batch.succeeded, batch.failed) == (BatchStatus.COMPLETED, 0, 3)


def test_results_show_while_the_batch_runs() -> None:
    engine = Engine()
    ref = engine.submit(25)
    (first, *_rest) = engine.queue.take()
    engine.work(first[0], first[1])
    assert engine.batch(ref).succeeded == 10
    statuses = [view.status for view in engine.views(ref)]
    assert statuses == [ItemStatus.SUCCEEDED] * 10 + [ItemStatus.PENDING] * 15


def test_an_item_under_a_lease_is_processing_and_one_whose_worker_died_is_pending() -> None:
    engine = Engine()
    seen: list[list[ItemStatus]] = []

    def look(item: Item, _tries: int) -> Outcome:
        if item.index == 0:
            seen.append([view.status for view in engine.views(ref)])
        return Success({})

    engine.processor.rule = look
    ref = engine.submit(11)
    engine.work(ref, 0)
    assert seen == [[ItemStatus.PROCESSING] * 10 + [ItemStatus.PENDING]]


def test_a_retryable_failure_is_tried_three_times_and_its_attempts_are_kept() -> None:
    engine = Engine(EchoProcessor(rule=lambda item, _: failing(retryable=True) if item.index == 3 else Success({})))
    ref = engine.submit(10)
    engine.settle_everything(ref)
    tokens = [token for index, token in engine.processor.asked if index == 3]
    assert tokens == [f"{ref.batch_id}:3:{attempt}" for attempt in (1, 2, 3)]
    result = engine.views(ref)[3].result
    assert result is not None
    assert result.attempts == 3
    assert result.error is not None
    assert result.error.message == "no luck"


def test_a_failing_item_never_repeats_its_neighbours() -> None:
    engine = Engine(EchoProcessor(rule=lambda item, _: failing(retryable=True) if item.index == 3 else Success({})))
    ref = engine.submit(10)
    engine.settle_everything(ref)
    assert sorted(index for index, _ in engine.processor.asked if index != 3) == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_neighbours_of_a_retried_item_are_settled_before_it_is_tried_again() -> None:
    engine = Engine(
        EchoProcessor(rule=lambda item, t: failing(retryable=True) if item.index == 3 and t < 3 else Success({}))
    )
    ref = engine.submit(10)
    ((_, chunk, _),) = engine.queue.take()
    engine.work(ref, chunk)
    assert engine.batch(ref).succeeded == 9
    ((_, _, delay),) = engine.queue.sent
    assert timedelta(seconds=1) <= delay <= timedelta(seconds=2)
    batch = engine.settle_everything(ref)
    assert (batch.succeeded, batch.failed) == (10, 0)


def test_the_far_sides_retry_after_delays_the_next_attempt() -> None:
    rule = failing(429, retryable=True, retry_after=timedelta(seconds=90))
    engine = Engine(EchoProcessor(rule=lambda _item, tries: rule if tries == 1 else Success({})))
    ref = engine.submit(1)
    ((_, chunk, _),) = engine.queue.take()
    engine.work(ref, chunk)
    ((_, _, delay),) = engine.queue.sent
    assert delay == timedelta(seconds=90)


def test_a_retry_message_that_comes_too_early_does_not_try_again() -> None:
    engine = Engine(EchoProcessor(rule=lambda _item, _tries: failing(retryable=True)))
    ref = engine.submit(1)
    engine.work(ref, 0)
    engine.work(ref, 0)
    assert len(engine.processor.asked) == 1


def test_a_processors_bug_is_its_items_failure_and_shows_nothing_of_itself() -> None:
    def rule(item: Item, _tries: int) -> Outcome:
        if item.index == 1:
            raise ValueError("secret content")
        return Success({})

    engine = Engine(EchoProcessor(rule=rule))
    ref = engine.submit(3)
    batch = engine.settle_everything(ref)
    assert (batch.status, batch.succeeded, batch.failed) == (BatchStatus.COMPLETED, 2, 1)
    result = engine.views(ref)[1].result
    assert result is not None
    assert result.error is not None
    assert (result.error.code, result.error.message) == (500, "Internal server error during processing")
    assert [type(error) for error in engine.errors] == [ValueError] * 3


# ── cancel ──


def test_cancel_settles_what_nobody_works_at_once_and_lets_the_rest_complete() -> None:
    engine = Engine()
    answers = []

    def cancel_meanwhile(item: Item, _tries: int) -> Outcome:
        if item.index == 0:
            answers.append(engine.cancel(ref))
        return Success({})

    engine.processor.rule = cancel_meanwhile
    ref = engine.submit(100)
    engine.work(ref, 0)
    (answer,) = answers
    assert answer.status is BatchStatus.CANCELLING
    batch = engine.batch(ref)
    assert (batch.status, batch.succeeded, batch.failed) == (BatchStatus.CANCELLING, 10, 90)
    codes = {view.result.error.code for view in engine.views(ref) if view.result and view.result.error}
    assert codes == {499}
    assert engine.complete(ref) is BatchStatus.CANCELLED
    batch = engine.batch(ref)
    assert batch.cancelled_at is not None
    assert batch.completed_at is None


def test_cancel_settles_an_item_that_waits_for_its_next_attempt() -> None:
    engine = Engine(EchoProcessor(rule=lambda _item, _tries: failing(retryable=True)))
    ref = engine.submit(1)
    engine.work(ref, 0)
    engine.cancel(ref)
    (view,) = engine.views(ref)
    assert view.result is not None
    assert view.result.error is not None
    assert (view.result.error.code, view.result.attempts) == (499, 1)
    engine.drain()
    assert len(engine.processor.asked) == 1


def test_only_a_batch_in_progress_can_be_cancelled() -> None:
    engine = Engine()
    ref = engine.submit(1)
    engine.cancel(ref)
    with pytest.raises(NotCancellable, match="this one is cancelling"):
        engine.cancel(ref)
    engine.complete(ref)
    with pytest.raises(NotCancellable, match="this one is cancelled"):
        engine.cancel(ref)


def test_a_batch_that_has_nothing_left_can_no_longer_be_cancelled() -> None:
    engine = Engine()
    ref = engine.submit(1)
    engine.drain()
    with pytest.raises(NotCancellable, match="this one is completed"):
        engine.cancel(ref)
    assert engine.complete(ref) is BatchStatus.COMPLETED


def test_an_unknown_batch_is_not_found() -> None:
    with pytest.raises(NotFound):
        Engine().cancel(BatchRef("acme", "nothing"))


def test_a_worker_that_comes_after_a_cancel_works_nothing() -> None:
    engine = Engine()
    ref = engine.submit(20)
    engine.cancel(ref)
    engine.drain()
    assert engine.processor.asked == []


# ── deadline ──


def test_items_never_started_before_the_deadline_become_408_and_partial_results_stay() -> None:
    engine = Engine()
    ref = engine.submit(20)
    engine.work(ref, 0)
    engine.queue.take()
    engine.clock.pass_(timedelta(hours=24))
    engine.sweep()
    batch = engine.batch(ref)
    assert (batch.status, batch.succeeded, batch.failed) == (BatchStatus.COMPLETED, 10, 10)
    errors = [view.result.error for view in engine.views(ref)[10:] if view.result]
    assert {(error.code, error.message) for error in errors if error} == {
        (408, "Batch processing timed out before request was processed")
    }


def test_an_item_that_was_tried_keeps_its_own_error_at_the_deadline() -> None:
    engine = Engine(EchoProcessor(rule=lambda _i, _t: failing(503, retryable=True)), deadline=timedelta(minutes=1))
    ref = engine.submit(1)
    engine.work(ref, 0)
    engine.clock.pass_(timedelta(minutes=1))
    engine.sweep()
    (view,) = engine.views(ref)
    assert view.result is not None
    assert view.result.error is not None
    assert (view.result.error.code, view.result.attempts) == (503, 1)


def test_a_worker_starts_nothing_after_the_deadline() -> None:
    engine = Engine()
    ref = engine.submit(5)
    engine.clock.pass_(timedelta(hours=24))
    engine.drain()
    assert engine.processor.asked == []
    assert engine.batch(ref).failed == 5


# ── engine failure ──


def test_an_engine_failure_ends_in_failed_with_a_reason() -> None:
    def rule(item: Item, _tries: int) -> Outcome:
        if item.index == 0:
            raise EngineFailed(reason="agent version 3 is gone")
        return Success({})

    engine = Engine(EchoProcessor(rule=rule))
    ref = engine.submit(30)
    engine.work(ref, 0)
    assert engine.complete(ref) is BatchStatus.FAILED
    batch = engine.batch(ref)
    assert (batch.reason, batch.succeeded, batch.failed) == ("agent version 3 is gone", 9, 21)
    result = engine.views(ref)[29].result
    assert result is not None
    assert result.error is not None
    assert (result.error.code, result.error.message) == (500, "Batch processing failed: agent version 3 is gone")


def test_inputs_that_are_gone_end_in_failed() -> None:
    engine = Engine()
    ref = engine.submit(15)
    assert isinstance(engine.batches, FakeBatches)
    engine.batches.items[ref] = []
    engine.drain()
    assert engine.complete(ref) is BatchStatus.FAILED
    assert engine.batch(ref).failed == 15
    assert len(engine.views(ref)) == 15


# ── time ──


def test_a_worker_out_of_time_leaves_the_rest_to_the_next() -> None:
    engine = Engine()
    ref = engine.submit(10)
    engine.work(ref, 0, time=timedelta(seconds=59))
    assert engine.processor.asked == []
    assert engine.queue.sent[-1][:2] == (ref, 0)
    assert engine.settle_everything(ref).succeeded == 10


# ── webhooks ──


@pytest.mark.parametrize(("events", "deliveries"), [(("completed",), 1), (("failed", "cancelled"), 0)])
def test_only_chosen_events_are_delivered(events: tuple[str, ...], deliveries: int) -> None:
    engine = Engine()
    ref = engine.submit(1, webhook=a_webhook(events=events))
    engine.settle_everything(ref)
    assert len(engine.delivery_queue.sent) == deliveries


def test_the_sweeper_goes_on_past_a_batch_it_cannot_heal() -> None:
    engine = Engine()
    first, second = engine.submit(1), engine.submit(1)
    engine.queue.take()
    assert isinstance(engine.batches, FakeBatches)
    broken = engine.batches.units.pop(first)
    engine.batches.units = _Missing(engine.batches.units, first)
    engine.clock.pass_(timedelta(minutes=1))
    engine.sweep()
    assert [message[0] for message in engine.queue.sent] == [second]
    assert [type(error) for error in engine.errors] == [RuntimeError]
    assert broken == {}


class _Missing(dict):  # type: ignore[type-arg] # a store that cannot read one batch
    def __init__(self, units: dict, ref: BatchRef) -> None:  # type: ignore[type-arg]
        super().__init__(units)
        self._ref = ref

    def get(self, key: object, default: object = None) -> object:
        if key == self._ref:
            raise RuntimeError("cannot read")
        return super().get(key, default)
