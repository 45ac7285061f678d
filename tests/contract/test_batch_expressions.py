"""Limits of DynamoDB that moto does not keep, and races between stores."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import moto.dynamodb.parsing
import pytest
from botocore.exceptions import ClientError
from factories import AT, a_batch, charge_for, items_of
from fakes.batches import FakeBatches

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.batches import DynamoBatches
from batchwork.adapters.packing import Packer
from batchwork.domain.batch import StopCause, Tally
from batchwork.domain.chunk import MAX_CHUNK, Cut
from batchwork.domain.item import CRASHED, Deferral
from batchwork.domain.lease import Lease
from batchwork.ports import BatchStore

MINUTE = timedelta(minutes=1)
ADAPTERS = Path(__file__).parents[2] / "layers/core/python/batchwork/adapters/dynamodb"
NO_BLOBS = Packer(lambda: pytest.fail("nothing is spilled here"))


class Spy:
    """Remembers the last update; refuses it with an error code if one is given."""

    def __init__(self, refusal: str | None = None) -> None:
        self.refusal = refusal
        self.asked: dict[str, Any] = {}

    def update_item(self, **asked: Any) -> Any:
        self.asked = asked
        raise ClientError({"Error": {"Code": self.refusal or "Seen", "Message": ""}}, "UpdateItem")


def test_a_whole_chunk_of_single_items_is_counted_within_the_limits_of_an_expression() -> None:
    spy = Spy()
    store = DynamoBatches("table", NO_BLOBS, timedelta(days=30), spy)  # type: ignore[arg-type] # a spy
    batch = a_batch(cut=Cut(1000, MAX_CHUNK, 10))
    with pytest.raises(ClientError, match="Seen"):
        store.count(batch, [Tally(100 + n, 0, 1) for n in range(MAX_CHUNK)])
    condition = spy.asked["ConditionExpression"]
    operators = re.findall(r"\b(?:AND|OR|NOT|contains|attribute_exists)\b", condition)
    assert operators.count("contains") == MAX_CHUNK
    assert len(operators) <= 300
    assert len(condition.encode()) <= 4096


def test_a_batch_and_its_charge_are_one_transaction_after_its_inputs(table: str) -> None:
    """Breaks when DynamoBatches.create charges by a call of its own: a death between would lose one of the two."""
    dynamodb = aws.client("dynamodb")
    asked: list[tuple[str, list[str]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        kinds = [next(iter(action)) for action in params.get("TransactItems", ())]
        asked.append((model.name, kinds))

    dynamodb.meta.events.register("provide-client-params.dynamodb.*", note)
    batch = a_batch()
    DynamoBatches(table, NO_BLOBS, timedelta(days=30), dynamodb).create(batch, items_of(batch), AT, charge_for(batch))
    assert asked == [("BatchWriteItem", []), ("TransactWriteItems", ["Put", "Put", "Update"])]


def test_a_cancel_that_meets_the_transaction_that_closes_the_batch_comes_too_late() -> None:
    spy = Spy("TransactionConflictException")
    store = DynamoBatches("table", NO_BLOBS, timedelta(days=30), spy)  # type: ignore[arg-type] # a spy
    assert store.stop(a_batch().ref, StopCause.CANCELLED, None, AT) is None
    store.checked(a_batch(), AT, 0)


@pytest.fixture(params=["fake", "moto"])
def store(request: pytest.FixtureRequest) -> BatchStore:
    if request.param == "fake":
        return FakeBatches()
    return DynamoBatches(request.getfixturevalue("table"), NO_BLOBS, timedelta(days=30))


def test_an_attempt_that_was_made_is_not_leased_again(store: BatchStore) -> None:
    batch = a_batch()
    store.create(batch, items_of(batch), AT, charge_for(batch))
    single = batch.cut.single(3)
    assert store.lease(batch, single, Lease("one", AT + MINUTE, 2), AT)
    assert store.give_back(batch, single, "one", Deferral(index=3, attempts=2, not_before=AT + MINUTE, error=CRASHED))
    assert not store.lease(batch, single, Lease("stale", AT + MINUTE, 2), AT)
    assert store.lease(batch, single, Lease("next", AT + 2 * MINUTE, 3), AT + MINUTE)
    assert not store.lease(batch, single, Lease("stale", AT + 9 * MINUTE, 3), AT + 3 * MINUTE)
    assert store.lease(batch, single, Lease("heir", AT + 9 * MINUTE, 4), AT + 3 * MINUTE)


def test_many_units_are_refused_together_when_one_is_counted(store: BatchStore) -> None:
    batch = a_batch(cut=Cut(1000, MAX_CHUNK, 10))
    store.create(batch, items_of(batch), AT, charge_for(batch))
    assert store.count(batch, [Tally(100 + n, 0, 1) for n in range(MAX_CHUNK)]).failed == MAX_CHUNK


EXPRESSION = re.compile(r"\b(SET|ADD|REMOVE|attribute_(not_)?exists|contains|begins_with|size|AND|= ?:|<=? ?:)")
KEYWORDS = {
    "SET",
    "ADD",
    "REMOVE",
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "contains",
    "size",
    "begins_with",
    "list_append",
}


def expressions() -> list[str]:
    """Return the text of every string in the adapters that reads like an expression, placeholders left out."""
    found = []
    for path in ADAPTERS.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        found += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docs
            and EXPRESSION.search(node.value)
        ]
    return found


def test_no_expression_names_an_attribute_by_a_word_that_dynamodb_reserves() -> None:
    """DynamoDB looks for them in every expression, emulators only in some."""
    words = Path(moto.dynamodb.parsing.__file__).with_name("reserved_keywords.txt").read_text().split()
    used = {
        word
        for text in expressions()
        for word in re.findall(r"(?<![#:\w])[A-Za-z]\w*", text)
        if word not in KEYWORDS and not word.startswith("attribute_")
    }
    assert {"counted", "remaining", "settled", "attempt"} <= used, "the search finds what it is to look at"
    assert {word for word in used if word.upper() in words} == set()
