"""POST /api/v1/{intelligence,signals,enrichment}/batch: seed 004 line by line, and spec lookups 2.1 to 2.5."""

from __future__ import annotations

import json
import random
import string
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fakes.egress import Sent
from fakes.receiver import a_receiver
from functions.lookups_api import NOW, Answer, LookupsApi, an_api, ids  # noqa: F401 -- the fixture `api`

from batchwork.domain.lookup import Found, LookupItem, LookupKind
from batchwork.domain.workspace import WorkspaceStatus
from batchwork.processors.lookups.echo import EchoLookup

ENDPOINTS = ("intelligence", "signals", "enrichment")
KEY = {"Idempotency-Key": "0d5f0c9e-6c5c-4b52-a4bd-2a4c1c0a9d11"}
LIMIT_HEADERS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy"}


# ── the seed's examples ──


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_seeds_first_request_is_answered_by_the_documented_stub(api: LookupsApi, endpoint: str) -> None:
    answer = api.post([{"id": 1}, {"id": 2}], endpoint)
    assert answer.status == 200
    assert answer.text == (
        '{"data":[{"status":200,"data":{"echo":{"id":1},"note":"stub"}},'
        '{"status":200,"data":{"echo":{"id":2},"note":"stub"}}],'
        '"meta":{"batch":{"total":2,"succeeded":2,"failed":0}}}'
    )
    assert answer.headers["Content-Type"] == "application/json"


def test_a_batch_with_a_failed_item_is_a_207_with_the_items_error_in_its_place(api: LookupsApi) -> None:
    answer = api.post([{"id": 1}, 7, "x", None, [1], {"id": 2}])
    assert answer.status == 207
    assert answer.statuses == [200, 422, 422, 422, 422, 200]
    error = answer.body["data"][1]["error"]
    assert (error["code"], error["message"]) == ("validation_failed", "The item is not valid.")
    assert error["details"] == {"item": ["The item must be a JSON object."]}
    assert answer.body["meta"] == {"batch": {"total": 6, "succeeded": 2, "failed": 4}}


def test_an_item_that_cannot_be_stored_or_sent_on_fails_alone(api: LookupsApi) -> None:
    body = '{"requests": [{"a": "x\\u0000y"}, {"a": {"b": "\\ud83d"}}, {"a\\u0000": 1}, {"a": "\\ud83d\\ude00"}]}'
    answer = api.call("POST", "/api/v1/signals/batch", body)
    assert answer.statuses == [422, 422, 422, 200]
    details = [entry["error"]["details"] for entry in answer.body["data"][:3]]
    assert [list(each) for each in details] == [["a"], ["a.b"], ["item"]]
    assert answer.body["data"][3]["data"]["echo"] == {"a": "\N{GRINNING FACE}"}


def test_a_lone_surrogate_that_the_event_itself_holds_is_found_too(api: LookupsApi) -> None:
    assert api.call("POST", "/api/v1/signals/batch", '{"requests": [{"a": "\udc00"}, {}]}').statuses == [422, 200]


@pytest.mark.parametrize("depth", [500, 700, 800, 850, 900, 930, 960, 1200])
def test_an_item_nested_as_deep_as_can_be_is_answered_and_never_a_server_error(api: LookupsApi, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    answer = api.call("POST", "/api/v1/signals/batch", f'{{"requests": [{{"a": {deep}}}, {{"id": 1}}]}}')
    assert answer.status in {200, 207, 422}
    if answer.status != 422:
        assert answer.statuses[1] == 200


# ── what is wrong with a request ──


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("{}", "requests"),
        ('{"requests": null}', "requests"),
        ('{"requests": []}', "requests"),
        ('{"requests": {}}', "requests"),
        ('{"requests": "x"}', "requests"),
        ('{"items": [{}]}', "requests"),
        ("[]", "body"),
        ("null", "body"),
        ("7", "body"),
        ('"x"', "body"),
        ("", "body"),
        ("  ", "body"),
        ("{", "body"),
        ('{"requests": [{"a": NaN}]}', "body"),
        ('{"requests": [{"a": 1e999}]}', "body"),
        ('{"requests": [{"a": 1},]}', "body"),
        ("[" * 100_000, "body"),
        (None, "body"),
    ],
    ids=range(18),
)
def test_a_body_that_is_no_batch_is_refused_with_its_place(api: LookupsApi, body: str | None, place: str) -> None:
    answer = api.call("POST", "/api/v1/signals/batch", body)
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert list(answer.details) == [place]
    assert all(isinstance(message, str) and message for message in answer.details[place])


def test_another_content_type_is_refused(api: LookupsApi) -> None:
    answer = api.call("POST", "/api/v1/signals/batch", "id=1", headers={"Content-Type": "text/csv"})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_a_body_beyond_what_is_taken_is_413(api: LookupsApi) -> None:
    answer = api.call("POST", "/api/v1/signals/batch", '{"requests": ["' + "x" * 5_300_000 + '"]}')
    assert (answer.status, answer.code) == (413, "payload_too_large")


@pytest.mark.parametrize(("plan", "most"), [("free", 10), ("starter", 50), ("pro", 100), ("enterprise", 250)])
def test_a_plan_caps_the_size_of_a_batch(api: LookupsApi, plan: str, most: int) -> None:
    key = api.a_key(plan, plan=plan)
    assert api.post(ids(most), key=key).status == 200
    answer = api.post(ids(most + 1), key=key)
    assert answer.status == 422
    assert answer.body == {
        "error": {
            "code": "batch_too_large",
            "message": "Batch exceeds the maximum allowed size for your plan.",
            "details": {"max_items": most, "received": most + 1},
        }
    }
    assert api.used(plan) == most


def test_an_operator_may_allow_larger_batches(api: LookupsApi) -> None:
    assert api.post(ids(12), key=api.a_key("wide", plan="free", max_batch=12)).status == 200


# ── who may ──


@pytest.mark.parametrize("presented", ["", "nonsense", "bw_acme_k1.wrong", "bw_acme_nobody.x", "bw_nobody_k1.x"])
def test_who_proves_nothing_is_unauthorized(api: LookupsApi, presented: str) -> None:
    answer = api.post(ids(1), key=presented)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["X-Request-Id"].startswith("request-")
    assert not LIMIT_HEADERS & answer.headers.keys()


def test_a_revoked_and_an_expired_key_are_unauthorized(api: LookupsApi) -> None:
    for key in (api.a_key("gone", revoked_at=NOW), api.a_key("over", expires_at=NOW)):
        answer = api.post(ids(1), key=key)
        assert (answer.status, answer.code) == (401, "unauthorized")


def test_a_suspended_organization_is_inactive(api: LookupsApi) -> None:
    answer = api.post(ids(1), key=api.a_key("stopped", status=WorkspaceStatus.SUSPENDED))
    assert (answer.status, answer.code) == (403, "account_inactive")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_endpoint_needs_its_own_scope(api: LookupsApi, endpoint: str) -> None:
    others = [f"{each}.read" for each in ENDPOINTS if each != endpoint]
    answer = api.post(ids(3), endpoint, key=api.a_key("narrow", key_id="others", scopes=others))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert answer.details == {"required_scope": f"{endpoint}.read"}
    assert answer.headers.keys() >= LIMIT_HEADERS
    assert api.used("narrow") == 0
    own = api.a_key("narrow", key_id="own", scopes=[f"{endpoint}.read"])
    assert api.post(ids(3), endpoint, key=own).status == 200


# ── limits ──


def test_every_answer_to_a_key_tells_its_limits(api: LookupsApi) -> None:
    answers = [
        api.post(ids(2)),
        api.post([1]),
        api.post([]),
        api.post(ids(101)),
        api.call("POST", "/api/v1/signals/batch", "{"),
        api.call("POST", "/api/v1/signals/batch", "x", headers={"Content-Type": "text/csv"}),
        api.post(ids(1), headers={"Idempotency-Key": ""}),
    ]
    assert [answer.status for answer in answers] == [200, 207, 422, 422, 422, 415, 422]
    for number, answer in enumerate(answers, 1):
        assert answer.headers["X-RateLimit-Limit"] == "600"
        assert answer.headers["X-RateLimit-Remaining"] == str(600 - number)
        assert answer.headers["X-RateLimit-Reset"] == "45"  # seconds until 10:31:00
        assert answer.headers["RateLimit-Policy"] == '"minute";q=600;w=60, "day";q=200000;w=86400'
        assert f'"minute";r={600 - number};t=45' in answer.headers["RateLimit"]
        assert answer.headers["X-Request-Id"]


def test_a_request_id_is_the_clients_own_when_it_has_one(api: LookupsApi) -> None:
    assert api.post(ids(1), headers={"X-Request-Id": "mine-1"}).headers["X-Request-Id"] == "mine-1"


def test_beyond_a_minutes_requests_a_key_waits_for_the_next(api: LookupsApi) -> None:
    key = api.a_key("busy", per_minute=2)
    assert [api.post(ids(1), key=key).status for _ in range(3)] == [200, 200, 429]
    answer = api.post(ids(1), key=key)
    assert answer.body == {
        "error": {
            "code": "rate_limit_exceeded",
            "message": "Rate limit exceeded for the minute window.",
            "details": {"window": "minute", "limit": 2},
        }
    }
    assert (answer.headers["Retry-After"], answer.headers["X-RateLimit-Remaining"]) == ("45", "0")
    assert api.used("busy") == 2
    api.clock.pass_(timedelta(seconds=45))
    assert api.post(ids(1), key=key).status == 200


def test_beyond_a_days_requests_a_key_waits_for_midnight(api: LookupsApi) -> None:
    key = api.a_key("daily", per_day=1)
    api.post(ids(1), key=key)
    answer = api.post(ids(1), key=key)
    assert answer.details == {"window": "day", "limit": 1}
    assert answer.headers["Retry-After"] == str(13 * 3600 + 29 * 60 + 45)


# ── quota ──


def test_each_item_is_a_unit_failed_ones_included(api: LookupsApi) -> None:
    api.post([{"id": 1}, "no object", {"id": 2}])
    assert api.used() == 3


def test_a_batch_that_the_quota_has_no_room_for_is_refused_whole(api: LookupsApi) -> None:
    key = api.a_key("poor", monthly_quota=25)
    assert api.post(ids(20), key=key).status == 200
    answer = api.post(ids(6), key=key, headers=KEY)
    assert (answer.status, answer.code) == (402, "quota_exceeded")
    assert answer.details == {"quota": 25, "used": 20, "requested": 6}
    assert answer.headers["Retry-After"] == str(8 * 86_400 + 13 * 3600 + 29 * 60 + 45)
    assert answer.headers.keys() >= LIMIT_HEADERS
    assert api.used("poor") == 20
    assert api.post(ids(5), key=key, headers=KEY).status == 200
    assert api.used("poor") == 25


def test_an_unmetered_plan_is_counted_and_never_refused(api: LookupsApi) -> None:
    key = api.a_key("large", plan="enterprise")
    assert api.post(ids(250), key=key).status == 200
    assert api.used("large") == 250


def test_requests_that_are_refused_meter_nothing(api: LookupsApi) -> None:
    for refused in (api.post([]), api.post(ids(101)), api.post(ids(1), headers={"Idempotency-Key": "\N{SNOWMAN}"})):
        assert refused.status == 422
    assert api.used() == 0


# ── idempotency ──


def test_the_same_key_and_body_is_replayed_byte_for_byte_and_not_metered(api: LookupsApi) -> None:
    first = api.post([{"id": 1}, "\N{GRINNING FACE}"], headers=KEY)
    again = api.post([{"id": 1}, "\N{GRINNING FACE}"], headers=KEY)
    assert (first.status, "Idempotency-Replayed" in first.headers) == (207, False)
    assert (again.status, again.text) == (first.status, first.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert again.headers["X-RateLimit-Remaining"] == "598"
    assert api.used() == 2


def test_a_replay_shows_what_was_found_then(api: LookupsApi) -> None:
    api.a_dataset({"1": {"price": 1}})
    api.choose(LookupKind.DATASET, dataset="products", field="sku")
    first = api.post([{"sku": 1}], headers=KEY)
    api.a_dataset({"1": {"price": 2}})
    api.clock.pass_(timedelta(hours=23, minutes=59))
    assert api.post([{"sku": 1}], headers=KEY).text == first.text
    assert api.post([{"sku": 1}]).body["data"][0]["data"] == {"price": 2}


def test_after_24_hours_a_key_is_free(api: LookupsApi) -> None:
    api.post(ids(1), headers=KEY)
    api.clock.pass_(timedelta(hours=24))
    answer = api.post(ids(2), headers=KEY)
    assert (answer.status, "Idempotency-Replayed" in answer.headers) == (200, False)


def test_the_same_key_with_another_body_is_refused(api: LookupsApi) -> None:
    api.post(ids(1), headers=KEY)
    answer = api.post(ids(2), headers=KEY)
    assert (answer.status, answer.code) == (422, "idempotency_key_reuse")
    assert api.used() == 1


def test_a_key_is_its_endpoints_and_its_organizations_own(api: LookupsApi) -> None:
    api.post(ids(1), "signals", headers=KEY)
    other = api.a_key("other")
    for answer in (api.post(ids(2), "enrichment", headers=KEY), api.post(ids(2), key=other, headers=KEY)):
        assert (answer.status, "Idempotency-Replayed" in answer.headers) == (200, False)


def test_a_key_in_flight_is_a_conflict(api: LookupsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Answer] = []
    echo = EchoLookup.resolve

    def meanwhile(self: EchoLookup, group: Sequence[LookupItem], timeout: timedelta, token: str) -> Mapping[int, Found]:
        answers.append(api.post(ids(1), headers=KEY))
        return echo(self, group, timeout, token)

    monkeypatch.setattr(EchoLookup, "resolve", meanwhile)
    assert api.post(ids(1), headers=KEY).status == 200
    (conflict,) = answers
    assert (conflict.status, conflict.code) == (409, "idempotency_conflict")
    assert 1 <= int(conflict.headers["Retry-After"]) <= 29
    assert api.used() == 1


@pytest.mark.parametrize("requests", [[], {}, ids(101)], ids=["empty", "no array", "too large"])
def test_a_key_of_a_refused_request_may_be_used_for_the_corrected_one(api: LookupsApi, requests: Any) -> None:
    assert api.post(requests, headers=KEY).status == 422
    answer = api.post(ids(2), headers=KEY)
    assert (answer.status, "Idempotency-Replayed" in answer.headers) == (200, False)


@pytest.mark.parametrize("key", ["x", "k" * 255, '"quoted"', "a b", "!~"])
def test_a_key_of_1_to_255_printable_characters_is_taken(api: LookupsApi, key: str) -> None:
    api.post(ids(1), headers={"Idempotency-Key": key})
    assert api.post(ids(1), headers={"Idempotency-Key": key}).headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", " ", '""', "k" * 256, "n\N{LATIN SMALL LETTER E WITH ACUTE}", "a\tb"])
def test_what_is_no_key_is_refused_with_its_header_named(api: LookupsApi, key: str) -> None:
    answer = api.post(ids(1), headers={"Idempotency-Key": key})
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert list(answer.details) == ["Idempotency-Key"]


def test_an_answer_larger_than_a_row_is_replayed_too(api: LookupsApi) -> None:
    noise = random.Random(7)
    text = "".join(noise.choices(string.printable, k=9_000))
    requests = [{"id": number, "text": text[number:] + str(noise.random())} for number in range(100)]
    first, again = (api.post(requests, headers=KEY) for _ in range(2))
    assert first.status == 200
    assert len(first.text) > 800_000
    assert (again.text, again.headers["Idempotency-Replayed"]) == (first.text, "true")


# ── what a lookup does ──


def test_items_are_joined_with_a_dataset_by_key(api: LookupsApi) -> None:
    api.a_dataset({str(n): {"sku": str(n), "name": f"Product {n}", "price": n / 4} for n in range(250)})
    api.choose(LookupKind.DATASET, dataset="products", field="sku")
    key = api.a_key(plan="enterprise")
    requests: list[Any] = [{"sku": n} for n in range(248)] + [{"sku": "no such"}, {"other": 1}]
    answer = api.post(requests, key=key)
    assert answer.status == 207
    assert answer.body["data"][7] == {"status": 200, "data": {"sku": "7", "name": "Product 7", "price": 1.75}}
    assert answer.statuses == [200] * 248 + [404, 422]
    assert answer.body["data"][248]["error"]["code"] == "not_found"
    assert answer.body["data"][249]["error"]["details"] == {"sku": ["The sku field is required."]}
    assert answer.body["meta"]["batch"] == {"total": 250, "succeeded": 248, "failed": 2}
    assert api.post([{"sku": 1}], "enrichment", key=key).body["data"][0]["data"]["note"] == "stub"


def test_a_dataset_that_is_not_there_fails_the_request_and_meters_nothing(
    api: LookupsApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.choose(LookupKind.DATASET, dataset="products", field="sku")
    answer = api.post(ids(3), headers=KEY | {"X-Request-Id": "mine-1"})
    assert (answer.status, answer.code) == (500, "server_error")
    assert answer.body["error"]["message"] == "Internal server error (request mine-1)"
    assert api.used() == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "engine_failed"
    api.a_dataset({"1": {"sku": "1"}})
    api.clock.pass_(timedelta(seconds=2))
    assert api.post(ids(3), headers=KEY).status == 207


def test_250_items_of_a_dataset_cost_five_calls_beyond_identity_limit_idempotency_and_metering(
    api: LookupsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.a_dataset({str(n): {"sku": str(n)} for n in range(250)})
    api.choose(LookupKind.DATASET, dataset="products", field="sku")
    key = api.a_key(plan="enterprise")
    api.post([{"id": 1}], "enrichment", key=key)  # loads the function
    called: list[str] = []
    client = api.functions["lookups_batch"].dynamodb
    client.meta.events.register("before-call.dynamodb", lambda model, **_: called.append(model.name))
    assert api.post([{"sku": n} for n in range(250)], key=key, headers=KEY).status == 200
    assert called[:3] == ["UpdateItem", "PutItem", "TransactWriteItems"]  # limit, claim, charge; the key is remembered
    assert called[-1] == "UpdateItem"  # the answer is kept
    assert sorted(called[3:-1]) == ["BatchGetItem"] * 3 + ["GetItem"] * 2
    called.clear()
    assert api.post([{"sku": n} for n in range(250)], key=key).status == 200
    assert sorted(called) == ["BatchGetItem"] * 3 + ["TransactWriteItems", "UpdateItem"]


def test_items_are_posted_to_an_upstream_and_one_that_fails_fails_alone(api: LookupsApi) -> None:
    def react(sent: Sent) -> tuple[int, dict[str, str], bytes]:
        return (503, {}, b"") if json.loads(sent.body)["id"] == 2 else (200, {}, sent.body)

    with a_receiver(react) as receiver:
        api.choose(LookupKind.HTTP, url=f"{receiver.url}/sku", secret_ref=None)
        answer = api.post(ids(4))
    assert answer.statuses == [200, 502, 200, 200]
    assert answer.body["data"][0]["data"] == {"id": 1}
    assert answer.body["data"][1]["error"]["code"] == "upstream_failed"


def test_what_is_unfinished_when_the_functions_time_is_over_is_504_and_metered(
    api: LookupsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(EchoLookup, "resolve", lambda *_: release.wait(30) and {})
    try:
        answer = api.post(ids(3), left=timedelta(seconds=2.2))
    finally:
        release.set()
    assert answer.status == 207
    assert answer.statuses == [504] * 3
    assert answer.body["data"][0]["error"]["code"] == "timeout"
    assert api.used() == 3


def test_nothing_of_an_item_reaches_the_log(
    api: LookupsApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: EchoLookup, group: Sequence[LookupItem], timeout: timedelta, token: str) -> Mapping[int, Found]:
        raise ValueError(group[0].body["text"])

    monkeypatch.setattr(EchoLookup, "resolve", broken)
    answer = api.post([{"text": "content of a customer"}, {"text": "more"}])
    assert (answer.status, answer.statuses) == (207, [500, 500])
    out = capsys.readouterr().out
    assert "content of a customer" not in out + answer.text
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["error"] for line in lines if line["message"] == "unexpected"] == ["ValueError"]


def test_a_table_that_refuses_is_a_server_error_and_meters_nothing(
    api: LookupsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.post(ids(1), "enrichment")
    store = api.functions["lookups_batch"].batches.look_up.resolvers.lookups

    def refuse(_workspace_id: str, _endpoint: str) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem")

    monkeypatch.setattr(store, "get", refuse)
    answer = api.post(ids(1))
    assert (answer.status, answer.code) == (500, "server_error")
    assert api.used() == 1
