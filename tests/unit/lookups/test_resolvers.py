"""Issue 3: what a lookup does: echo, dataset, lambda, http."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from factories import AT
from fakes.clock import FakeClock
from fakes.datasets import FakeDatasets
from fakes.egress import FakeEgress, Receiver, Sent
from fakes.lookups import FakeLookups
from fakes.secrets import FakeSecrets

from batchwork.domain.errors import EngineFailed, LookupFailed
from batchwork.domain.item import Json
from batchwork.domain.lookup import Dataset, Found, Lookup, LookupItem, LookupKind
from batchwork.ports import Answer
from batchwork.ports.lookups import Resolver
from batchwork.processors.lookups.choice import Resolvers
from batchwork.processors.lookups.dataset import DatasetLookup
from batchwork.processors.lookups.echo import EchoLookup
from batchwork.processors.lookups.function import FunctionLookup
from batchwork.processors.lookups.upstream import MAX_ANSWER, UpstreamLookup

SECOND = timedelta(seconds=1)
TOKEN = "00000000-0000-4000-8000-00000000abcd"


def items(*bodies: Json) -> list[LookupItem]:
    return [LookupItem(index, body) for index, body in enumerate(bodies)]


def resolved(resolver: Resolver, asked: Sequence[LookupItem]) -> list[Found]:
    """Resolve every group and return what was found in order."""
    found: dict[int, Found] = {}
    for group in resolver.groups(asked):
        found |= resolver.resolve(group, SECOND, TOKEN)
    return [found[item.index] for item in asked]


# ── echo ──


def test_an_echo_is_the_documented_stub() -> None:
    (found,) = resolved(EchoLookup(), items({"id": 1}))
    assert found == Found(200, {"echo": {"id": 1}, "note": "stub"})


# ── dataset ──


class CountingDatasets(FakeDatasets):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        self.pointers = 0

    def get(self, workspace_id: str, name: str) -> Dataset | None:
        self.pointers += 1
        return super().get(workspace_id, name)

    def rows(self, dataset: Dataset, keys: Sequence[str]) -> Mapping[str, Json]:
        self.asked.append(list(keys))
        return super().rows(dataset, keys)


def a_dataset(store: FakeDatasets, rows: dict[str, Json], workspace_id: str = "acme") -> Dataset:
    version, oldest = store.begin(workspace_id, "products")
    dataset = Dataset(
        workspace_id=workspace_id, name="products", version=version, key="sku", rows=len(rows), loaded_at=AT
    )
    store.write(dataset, rows.items())
    assert store.publish(dataset, oldest)
    return dataset


@pytest.fixture
def store() -> CountingDatasets:
    return CountingDatasets()


def products(store: FakeDatasets, total: int = 3) -> DatasetLookup:
    rows: dict[str, Json] = {str(n): {"sku": str(n), "name": f"Product {n}"} for n in range(total)}
    return DatasetLookup(store, a_dataset(store, rows), "sku")


def test_an_item_is_joined_with_the_row_that_its_field_names(store: CountingDatasets) -> None:
    found = resolved(products(store), items({"sku": "1"}, {"sku": 2, "more": True}))
    assert found == [
        Found(200, {"sku": "1", "name": "Product 1"}),
        Found(200, {"sku": "2", "name": "Product 2"}),
    ]


def test_an_unknown_key_is_not_found(store: CountingDatasets) -> None:
    (found,) = resolved(products(store), items({"sku": "none"}))
    assert (found.status, found.code) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sku": None},
        {"sku": ""},
        {"sku": 1.0},
        {"sku": True},
        {"sku": ["1"]},
        {"sku": "x" * 2000},
        {"sku": 10**2000},
    ],
    ids=["missing", "null", "empty", "fraction", "truth", "list", "long", "huge"],
)
def test_an_item_without_a_key_is_invalid_and_costs_no_read(store: CountingDatasets, body: Json) -> None:
    (found,) = resolved(products(store), items(body))
    assert (found.status, found.code) == (422, "validation_failed")
    assert list(found.details) == ["sku"]
    assert store.asked == []


def test_250_items_are_three_reads_whatever_stands_between_them(store: CountingDatasets) -> None:
    asked = [*items(*({"sku": n} for n in range(250))), LookupItem(250, {})]
    found = resolved(products(store, 300), asked)
    assert [each.status for each in found] == [200] * 250 + [422]
    assert [len(keys) for keys in store.asked] == [100, 100, 50]


def test_items_of_one_key_share_its_row_and_its_read(store: CountingDatasets) -> None:
    found = resolved(products(store), items(*({"sku": n % 2} for n in range(250))))
    assert {each.status for each in found} == {200}
    assert store.asked == [["0", "1"]]


# ── lambda ──


class FakeFunction:
    """Invocations, and what is answered to them."""

    def __init__(self, answer: Callable[[Json], Any]) -> None:
        self.answer = answer
        self.invoked: list[tuple[str, Json]] = []

    def __call__(self, arn: str, payload: Json, timeout: timedelta) -> Any:
        self.invoked.append((arn, json.loads(json.dumps(payload))))
        return self.answer(payload)


ARN = "arn:aws:lambda:us-east-1:123456789012:function:batchwork-lookup-x"


def doubled(payload: Json) -> Json:
    return {"results": [{"status": 200, "data": each["item"]["n"] * 2} for each in payload["items"]]}


def test_a_function_gets_groups_of_items_and_answers_them_in_order() -> None:
    function = FakeFunction(doubled)
    resolver = FunctionLookup(function, "acme", "signals", ARN, 2)
    found = resolved(resolver, items(*({"n": n} for n in range(5))))
    assert [each.data for each in found] == [0, 2, 4, 6, 8]
    assert function.invoked[1] == (
        ARN,
        {
            "endpoint": "signals",
            "workspace_id": "acme",
            "token": TOKEN,
            "items": [{"index": 2, "item": {"n": 2}}, {"index": 3, "item": {"n": 3}}],
        },
    )
    assert [len(payload["items"]) for _, payload in function.invoked] == [2, 2, 1]


def test_a_function_fails_single_items_in_its_own_words() -> None:
    error = {"code": "unknown_sku", "message": "There is no such SKU.", "details": {"sku": ["Unknown."]}}
    function = FakeFunction(lambda _: {"results": [{"status": 200, "data": None}, {"status": 404, "error": error}]})
    found = resolved(FunctionLookup(function, "acme", "signals", ARN), items({}, {}))
    assert found == [
        Found(200, None),
        Found(404, code="unknown_sku", message="There is no such SKU.", details={"sku": ["Unknown."]}),
    ]


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"results": {}}, {"results": []}, {"results": [{"status": 200, "data": 1}] * 3}]
)
def test_an_answer_that_is_not_one_result_for_each_item_fails_the_group(answer: Any) -> None:
    with pytest.raises(LookupFailed) as failed:
        resolved(FunctionLookup(FakeFunction(lambda _: answer), "acme", "signals", ARN), items({}, {}))
    assert failed.value.facts["status"] == 502


@pytest.mark.parametrize(
    "result",
    [
        None,
        {"status": 200},
        {"status": True, "data": 1},
        {"status": "200", "data": 1},
        {"status": 302, "error": {"code": "x", "message": "x"}},
        {"status": 404},
        {"status": 404, "error": {"code": "", "message": "x"}},
        {"status": 404, "error": {"code": "x", "message": None}},
        {"status": 404, "error": {"code": "x", "message": "x", "details": "x"}},
    ],
    ids=range(9),
)
def test_a_result_that_is_none_is_left_out_of_what_was_found(result: Any) -> None:
    function = FakeFunction(lambda _: {"results": [{"status": 200, "data": 1}, result]})
    found = FunctionLookup(function, "acme", "signals", ARN).resolve(items({}, {}), SECOND, TOKEN)
    assert found == {0: Found(200, 1)}


# ── http ──

URL = "https://lookups.example.com/sku"


def upstream(receiver: Receiver, *, secret_ref: str | None = None, url: str = URL) -> tuple[FakeEgress, UpstreamLookup]:
    egress = FakeEgress({"https://lookups.example.com": receiver})
    egress.names["lookups.example.com"] = ["93.184.216.34"]
    return egress, UpstreamLookup(egress, FakeSecrets({"ssm:batchwork/token": "t0ken\n"}), url, secret_ref)


def answering(status: int, body: bytes = b"{}") -> Receiver:
    return lambda _: Answer(status, None, body)


def test_an_item_is_posted_under_a_key_of_its_own() -> None:
    egress, resolver = upstream(answering(200, b'{"price": 9.5}'), secret_ref="ssm:batchwork/token")
    found = resolved(resolver, items({"sku": "\N{GRINNING FACE}"}, {"sku": 2}))
    assert found == [Found(200, {"price": 9.5})] * 2
    first, second = egress.sent
    assert (first.url, json.loads(first.body)) == (URL, {"sku": "\N{GRINNING FACE}"})
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Authorization"] == "Bearer t0ken"
    assert [sent.headers["Idempotency-Key"] for sent in (first, second)] == [f"{TOKEN}:0", f"{TOKEN}:1"]


def test_an_item_tried_again_alone_keeps_its_key() -> None:
    egress, resolver = upstream(answering(200))
    item = LookupItem(17, {})
    for _ in range(2):
        resolver.resolve([item], SECOND, TOKEN)
    assert {sent.headers["Idempotency-Key"] for sent in egress.sent} == {f"{TOKEN}:17"}
    assert "Authorization" not in egress.sent[0].headers


def broken(exc: Exception) -> Receiver:
    def receive(_: Sent) -> Answer:
        raise exc

    return receive


@pytest.mark.parametrize(
    ("receiver", "status", "code"),
    [
        (answering(204, b""), 200, ""),
        (answering(200, b"no JSON"), 502, "upstream_failed"),
        (answering(200, b"[" * 100_000), 502, "upstream_failed"),
        (answering(200, b'"' + b"x" * MAX_ANSWER + b'"'), 502, "upstream_failed"),
        (answering(301), 502, "upstream_failed"),
        (answering(404), 404, "not_found"),
        (answering(400), 400, "upstream_refused"),
        (answering(422), 422, "upstream_refused"),
        (answering(401), 502, "upstream_failed"),
        (answering(403), 502, "upstream_failed"),
        (answering(429), 502, "upstream_failed"),
        (answering(500), 502, "upstream_failed"),
        (answering(503), 502, "upstream_failed"),
        (broken(ConnectionResetError("reset")), 502, "upstream_failed"),
        (broken(TimeoutError("timeout after 8 s")), 504, "timeout"),
    ],
    ids=range(15),
)
def test_what_an_upstream_answers_decides_about_its_item_alone(receiver: Receiver, status: int, code: str) -> None:
    (found,) = resolved(upstream(receiver)[1], items({}))
    assert (found.status, found.code) == (status, code)


def test_an_answer_of_exactly_the_limit_is_taken() -> None:
    (found,) = resolved(upstream(answering(200, b'"' + b"x" * (MAX_ANSWER - 2) + b'"'))[1], items({}))
    assert found.status == 200


def test_an_upstream_is_given_the_items_time() -> None:
    def slow(_: Sent) -> Answer:
        time.sleep(0.05)
        return Answer(200, None, b"{}")

    _, resolver = upstream(slow)
    found = resolver.resolve(items({}), timedelta(milliseconds=10), TOKEN)[0]
    assert (found.status, found.code) == (504, "timeout")


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest/meta-data", "http://lookups.example.com/", "nonsense"])
def test_a_refused_address_is_not_named(url: str) -> None:
    egress, resolver = upstream(answering(200), url=url)
    (found,) = resolved(resolver, items({}))
    assert (found.status, found.code) == (502, "upstream_failed")
    assert not any(part in found.message for part in ("169.254", "example", "nonsense"))
    assert egress.sent == []


def test_a_secret_that_cannot_be_read_fails_the_item_and_is_not_named() -> None:
    egress, resolver = upstream(answering(200), secret_ref="ssm:batchwork/other")
    (found,) = resolved(resolver, items({}))
    assert (found.status, found.code) == (502, "upstream_failed")
    assert "other" not in found.message
    assert "agent" not in found.message
    assert egress.sent == []


# ── what was chosen ──


class Chooser:
    """Resolvers over fakes."""

    def __init__(self, store: CountingDatasets) -> None:
        self.lookups = FakeLookups()
        self.clock = FakeClock()
        self.store = store
        self.egress = FakeEgress()
        self.resolvers = Resolvers(
            lookups=self.lookups,
            datasets=store,
            function=FakeFunction(doubled),
            egress=self.egress,
            secrets=FakeSecrets(),
            clock=self.clock,
        )

    def choose(self, kind: LookupKind, workspace_id: str = "acme", endpoint: str = "signals", **settings: Any) -> None:
        self.lookups.put(workspace_id, endpoint, Lookup(kind, settings))

    def __call__(self, workspace_id: str = "acme", endpoint: str = "signals") -> Resolver:
        return self.resolvers(workspace_id, endpoint)


@pytest.fixture
def chooser(store: CountingDatasets) -> Chooser:
    return Chooser(store)


def test_where_nobody_chose_items_are_echoed(chooser: Chooser) -> None:
    assert isinstance(chooser(), EchoLookup)
    chooser.choose(LookupKind.ECHO, endpoint="enrichment")
    assert isinstance(chooser(endpoint="enrichment"), EchoLookup)


def test_each_kind_is_opened_with_its_settings(chooser: Chooser) -> None:
    chooser.choose(LookupKind.FUNCTION, endpoint="intelligence", function_arn=ARN, group_size=7)
    chooser.choose(LookupKind.HTTP, endpoint="enrichment", url=URL, secret_ref="ssm:batchwork/x")
    function, http = chooser(endpoint="intelligence"), chooser(endpoint="enrichment")
    assert isinstance(function, FunctionLookup)
    assert (function.arn, function.group_size, function.endpoint, function.workspace_id) == (
        ARN,
        7,
        "intelligence",
        "acme",
    )
    assert isinstance(http, UpstreamLookup)
    assert (http.url, http.secret_ref) == (URL, "ssm:batchwork/x")


def test_settings_that_may_be_left_out_have_defaults(chooser: Chooser) -> None:
    chooser.choose(LookupKind.FUNCTION, endpoint="intelligence", function_arn=ARN)
    chooser.choose(LookupKind.HTTP, endpoint="enrichment", url=URL, secret_ref=None)
    function, http = chooser(endpoint="intelligence"), chooser(endpoint="enrichment")
    assert isinstance(function, FunctionLookup)
    assert function.group_size == 25
    assert isinstance(http, UpstreamLookup)
    assert http.secret_ref is None


def test_a_choice_is_the_workspaces_own(chooser: Chooser) -> None:
    chooser.choose(LookupKind.HTTP, url=URL)
    assert isinstance(chooser("other"), EchoLookup)
    assert isinstance(chooser("acme", "enrichment"), EchoLookup)


def test_a_change_is_seen_after_fifteen_seconds_and_a_first_choice_after_two(chooser: Chooser) -> None:
    assert isinstance(chooser(), EchoLookup)
    chooser.choose(LookupKind.HTTP, url=URL)
    assert isinstance(chooser(), EchoLookup)
    chooser.clock.pass_(2 * SECOND)
    assert isinstance(chooser(), UpstreamLookup)
    chooser.choose(LookupKind.ECHO)
    chooser.clock.pass_(14 * SECOND)
    assert isinstance(chooser(), UpstreamLookup)
    chooser.clock.pass_(SECOND)
    assert isinstance(chooser(), EchoLookup)


def test_where_a_dataset_is_read_is_remembered_for_fifteen_seconds(chooser: Chooser, store: CountingDatasets) -> None:
    a_dataset(store, {"1": {"name": "old"}})
    chooser.choose(LookupKind.DATASET, dataset="products", field="sku")
    asked = items({"sku": 1})
    for _ in range(3):
        assert resolved(chooser(), asked) == [Found(200, {"name": "old"})]
    assert store.pointers == 1
    a_dataset(store, {"1": {"name": "new"}})
    assert resolved(chooser(), asked) == [Found(200, {"name": "old"})]
    chooser.clock.pass_(15 * SECOND)
    assert resolved(chooser(), asked) == [Found(200, {"name": "new"})]


def test_a_dataset_that_is_not_there_is_the_operators_to_know_of(chooser: Chooser, store: CountingDatasets) -> None:
    chooser.choose(LookupKind.DATASET, dataset="products", field="sku")
    for _ in range(3):
        with pytest.raises(EngineFailed):
            chooser()
    assert store.pointers == 1
    a_dataset(store, {"1": {"name": "x"}})
    chooser.clock.pass_(2 * SECOND)
    assert resolved(chooser(), items({"sku": 1})) == [Found(200, {"name": "x"})]
