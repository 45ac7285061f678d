"""Transactions that meet others or load: injected answers, which no emulator gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from engine import announce
from factories import AT, a_batch, a_charge, a_webhook, charge_for, items_of

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.dynamodb.calls import Reason, reasons
from batchwork.adapters.dynamodb.deliveries import DynamoDeliveries
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.adapters.packing import Packer
from batchwork.domain.batch import BatchStatus, Tally
from batchwork.domain.errors import QuotaExceeded

PASSING = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
NO_BLOBS = Packer(lambda: pytest.fail("nothing is spilled here"))
MONTH = "2026-01"

Answer = tuple[AWSResponse, dict[str, Any]]


def cancelled(*codes: str) -> Answer:
    """Return the answer to a transaction that was cancelled for reasons, one an action."""
    parsed = {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": [{"Code": code} for code in codes],
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return AWSResponse("https://dynamodb.invalid", 400, HTTPHeaders(), None), parsed


class Busy:
    """A client of the table that answers transactions with what is waiting, before it lets one through."""

    def __init__(self, sleeps: list[float]) -> None:
        self.dynamodb = aws.client("dynamodb")
        self.waiting: list[Answer] = []
        self.for_ever: Answer | None = None
        self.tokens: list[str] = []
        self.sleeps = sleeps
        self.dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", self._before)

    def _before(self, params: dict[str, Any], **_: Any) -> Answer | None:
        self.tokens.append(json.loads(params["body"])["ClientRequestToken"])
        return self.waiting.pop(0) if self.waiting else self.for_ever


@pytest.fixture
def busy(table: str, monkeypatch: pytest.MonkeyPatch) -> Busy:
    sleeps: list[float] = []
    monkeypatch.setattr("time.sleep", sleeps.append)
    return Busy(sleeps)


def stored_rows(table: str) -> Sequence[Any]:
    rows: Sequence[Any] = aws.client("dynamodb").scan(TableName=table)["Items"]
    return rows


@pytest.mark.parametrize("code", PASSING)
def test_a_charge_that_meets_others_is_tried_again_until_it_counts_once(table: str, busy: Busy, code: str) -> None:
    busy.waiting = [cancelled("None", code)] * 3
    DynamoUsage(table, busy.dynamodb).reserve(a_charge(units=7, ceiling=10))
    assert DynamoUsage(table).used("acme", MONTH) == 7
    assert len(busy.tokens) == 4
    assert len(busy.sleeps) == 3


def test_every_try_has_the_same_token_and_every_transaction_its_own(table: str, busy: Busy) -> None:
    store = DynamoUsage(table, busy.dynamodb)
    for _ in range(2):
        busy.waiting = [cancelled("TransactionConflict", "None")] * 2
        store.reserve(a_charge())
    first, second = busy.tokens[:3], busy.tokens[3:]
    assert len(set(first)) == len(set(second)) == 1
    assert first[0] != second[0]


def test_the_waits_between_tries_grow_and_are_random(table: str, busy: Busy) -> None:
    for _ in range(2):
        busy.waiting = [cancelled("None", "TransactionConflict")] * 8
        DynamoUsage(table, busy.dynamodb).reserve(a_charge())
    first, second = busy.sleeps[:8], busy.sleeps[8:]
    assert first != second
    assert all(longer > shorter for shorter, longer in zip(first, first[2:], strict=False))
    assert sum(first) < 15


@pytest.mark.parametrize("code", PASSING)
def test_a_charge_that_meets_others_for_ever_is_an_error_and_counts_nothing(table: str, busy: Busy, code: str) -> None:
    busy.for_ever = cancelled("None", code)
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        DynamoUsage(table, busy.dynamodb).reserve(a_charge())
    assert 5 <= len(busy.tokens) <= 10
    assert stored_rows(table) == []


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param(("ConditionalCheckFailed", "TransactionConflict"), id="a condition that failed beside a conflict"),
        pytest.param(("None", "ValidationError"), id="a fault of the request"),
        pytest.param(("None", "ItemCollectionSizeLimitExceeded"), id="a limit"),
        pytest.param((), id="no reasons"),
    ],
)
def test_what_does_not_pass_by_itself_is_not_tried_again(table: str, busy: Busy, codes: tuple[str, ...]) -> None:
    busy.for_ever = cancelled(*codes)
    store = DynamoUsage(table, busy.dynamodb)
    if "ConditionalCheckFailed" in codes:
        store.reserve(a_charge())  # it is in the ledger
    else:
        with pytest.raises(ClientError):
            store.reserve(a_charge())
    assert len(busy.tokens) == 1


def test_a_charge_that_conflicts_first_and_finds_no_room_then_is_refused(table: str, busy: Busy) -> None:
    DynamoUsage(table).reserve(a_charge(units=9))
    busy.waiting = [cancelled("None", "TransactionConflict")]
    with pytest.raises(QuotaExceeded) as refusal:
        DynamoUsage(table, busy.dynamodb).reserve(a_charge(units=2, ceiling=10))
    assert refusal.value.facts["used"] == 9


def test_a_charge_that_was_written_though_its_answer_says_otherwise_counts_once(table: str, busy: Busy) -> None:
    answers = [cancelled("None", "TransactionConflict")[1]]

    def after(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
        if answers:
            http_response.status_code = 400
            parsed.update(answers.pop())

    busy.dynamodb.meta.events.register("after-call.dynamodb.TransactWriteItems", after)
    DynamoUsage(table, busy.dynamodb).reserve(a_charge(units=7, ceiling=7))
    assert len(busy.tokens) == 2
    assert DynamoUsage(table).used("acme", MONTH) == 7


def test_an_earlier_try_that_is_still_under_way_is_waited_for(table: str, busy: Busy) -> None:
    response, parsed = cancelled()
    under_way = {**parsed, "Error": {"Code": "TransactionInProgressException", "Message": ""}}
    busy.waiting = [(response, under_way)] * 2
    DynamoUsage(table, busy.dynamodb).reserve(a_charge())
    assert DynamoUsage(table).used("acme", MONTH) == 1


@pytest.mark.parametrize("conflicts", [3, 100], ids=["conflicts that pass", "conflicts for ever"])
def test_a_release_that_meets_others_takes_the_charge_back_whole_or_not_at_all(
    table: str, busy: Busy, conflicts: int
) -> None:
    charge = a_charge(units=7)
    DynamoUsage(table).reserve(charge)
    busy.waiting = [cancelled("None", "TransactionConflict")] * conflicts
    store = DynamoUsage(table, busy.dynamodb)
    if conflicts > 10:
        with pytest.raises(ClientError):
            store.release(charge)
    else:
        store.release(charge)
    left = sum(entry.units for entry in store.charges("acme", MONTH))
    assert store.used("acme", MONTH) == left == (7 if conflicts > 10 else 0)


def test_a_batch_that_meets_others_is_stored_and_charged_in_the_end(table: str, busy: Busy) -> None:
    busy.waiting = [cancelled("None", "None", "TransactionConflict")] * 3
    batch = a_batch()
    store = DynamoBatches(table, NO_BLOBS, timedelta(days=30), busy.dynamodb)
    assert store.create(batch, items_of(batch), AT, charge_for(batch))
    assert store.get(batch.ref) == batch
    assert DynamoUsage(table).used("acme", MONTH) == batch.total


def test_a_batch_that_meets_others_for_ever_is_neither_stored_nor_charged(table: str, busy: Busy) -> None:
    busy.for_ever = cancelled("None", "None", "TransactionConflict")
    batch = a_batch()
    store = DynamoBatches(table, NO_BLOBS, timedelta(days=30), busy.dynamodb)
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        store.create(batch, items_of(batch), AT, charge_for(batch))
    assert store.get(batch.ref) is None
    assert {row["sk"]["S"] for row in stored_rows(table)} == {"INPUT"}, "inputs that nobody can read, and that expire"
    assert DynamoUsage(table).used("acme", MONTH) == 0


def test_a_batch_that_meets_a_count_as_it_closes_is_closed_in_the_end(table: str, busy: Busy) -> None:
    store = DynamoBatches(table, NO_BLOBS, timedelta(days=30), busy.dynamodb)
    batch = a_batch(total=1, webhook=a_webhook())
    store.create(batch, items_of(batch), AT, charge_for(batch))
    batch = store.count(batch, [Tally(0, 1, 0)])
    delivery = announce(batch, BatchStatus.COMPLETED, AT)
    busy.waiting = [cancelled("TransactionConflict", "None")] * 2
    assert store.close(batch, BatchStatus.COMPLETED, AT, delivery)
    assert delivery is not None
    assert DynamoDeliveries(table).get("acme", delivery.id) == delivery


def test_adjusting_a_month_that_is_being_charged_comes_too_late(table: str) -> None:
    dynamodb = aws.client("dynamodb")
    response, parsed = cancelled()
    met = {**parsed, "Error": {"Code": "TransactionConflictException", "Message": ""}}
    dynamodb.meta.events.register("before-call.dynamodb.UpdateItem", lambda **_: (response, met))
    assert DynamoUsage(table, dynamodb).adjust("acme", MONTH, seen=0, counted=1) is False


def test_errors_that_mean_something_else_pass_through(table: str) -> None:
    dynamodb = aws.client("dynamodb")
    response, parsed = cancelled()
    denied = {**parsed, "Error": {"Code": "AccessDeniedException", "Message": ""}}
    dynamodb.meta.events.register("before-call.dynamodb", lambda **_: (response, denied))
    store = DynamoUsage(table, dynamodb)
    acts: list[Callable[[], object]] = [
        lambda: store.reserve(a_charge()),
        lambda: store.release(a_charge()),
        lambda: store.adjust("acme", MONTH, 0, 1),
        lambda: DynamoBatches(table, NO_BLOBS, timedelta(days=30), dynamodb).get(a_batch().ref),
    ]
    for act in acts:
        with pytest.raises(ClientError, match="AccessDenied"):
            act()


def test_reasons_are_read_by_action_with_the_row_that_was_in_the_way() -> None:
    answer: Any = cancelled("None", "ConditionalCheckFailed")[1]
    answer["CancellationReasons"][1]["Item"] = {"units": {"N": "7"}}
    exc = ClientError(answer, "TransactWriteItems")
    assert reasons(exc) == [Reason("None", {}), Reason("ConditionalCheckFailed", {"units": 7})]
    assert [reason.refused for reason in reasons(exc)] == [False, True]
    assert reasons(ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "PutItem")) == []
