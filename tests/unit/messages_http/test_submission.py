"""The body of POST /api/v1/batches: the rules of seed 002, and the bad input that the issue names."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwork.domain.address import check_url
from batchwork.domain.errors import InvalidRequest, MalformedBody, Problem
from batchwork.families.messages.schemas import Submission, submission

AGENT = "550e8400-e29b-41d4-a716-446655440000"
OTHER = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"


def a_body(**changes: Any) -> dict[str, Any]:
    return {"agent_id": AGENT, "requests": [{"custom_id": "req-001", "message": "Hello"}]} | changes


def read(body: Any) -> Submission:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return submission(raw, partial(check_url, allow_loopback=False))


def problems(body: Any) -> list[Problem]:
    with pytest.raises(InvalidRequest) as refused:
        read(body)
    return refused.value.problems


def places(body: Any) -> list[str]:
    return [problem.place for problem in problems(body)]


def with_request(**fields: Any) -> dict[str, Any]:
    return a_body(requests=[{"custom_id": "req-001", "message": "Hello"} | fields])


def with_webhook(**fields: Any) -> dict[str, Any]:
    return a_body(webhook={"url": "https://your-server.com/webhooks/codeer"} | fields)


def test_the_seeds_example_is_taken() -> None:
    wanted = read(
        {
            "agent_id": AGENT,
            "requests": [
                {
                    "custom_id": "req-001",
                    "message": "What are your business hours?",
                    "external_user_id": "user_123",
                },
                {"custom_id": "req-002", "message": "How do I return a product?", "external_user_id": "user_456"},
            ],
            "webhook": {
                "url": "https://your-server.com/webhooks/codeer",
                "events": ["completed", "failed"],
                "secret": "your-webhook-secret",
            },
        }
    )
    assert wanted.agent_id == AGENT
    assert wanted.bodies[0] == {
        "custom_id": "req-001",
        "message": "What are your business hours?",
        "external_user_id": "user_123",
    }
    assert wanted.webhook is not None
    assert (wanted.webhook.url, wanted.webhook.events, wanted.webhook.secret) == (
        "https://your-server.com/webhooks/codeer",
        ("completed", "failed"),
        "your-webhook-secret",
    )


def test_without_events_a_webhook_is_told_of_completed_and_failed() -> None:
    for body in (with_webhook(), with_webhook(events=None, secret=None)):
        webhook = read(body).webhook
        assert webhook is not None
        assert (webhook.events, webhook.secret) == (("completed", "failed"), None)


def test_nulls_are_the_same_as_nothing_and_unknown_fields_are_ignored() -> None:
    body = with_request(agent_id=None, name=None, attached_file_uuids=None, history_id=None, colour="red")
    wanted = read(body | {"webhook": None, "metadata": {"deep": [1]}})
    assert wanted.bodies == [{"custom_id": "req-001", "message": "Hello"}]
    assert wanted.webhook is None


def test_every_field_of_a_request_is_kept_and_its_uuids_in_canonical_form() -> None:
    body = with_request(
        agent_id=OTHER.upper(),
        external_user_id="u" * 255,
        name="n" * 256,
        attached_file_uuids=[OTHER.upper()],
        history_id=12345,
    )
    assert read(body | {"agent_id": AGENT.upper()}).bodies == [
        {
            "custom_id": "req-001",
            "message": "Hello",
            "agent_id": OTHER,
            "external_user_id": "u" * 255,
            "name": "n" * 256,
            "attached_file_uuids": [OTHER],
            "history_id": 12345,
        }
    ]
    assert read(a_body(agent_id=AGENT.upper())).agent_id == AGENT


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("field", ["history_id", "agent_id"])
def test_numbers_that_json_has_not_are_no_json(number: str, field: str) -> None:
    text = json.dumps(with_request(**{field: "THERE"})).replace('"THERE"', number)
    with pytest.raises(MalformedBody):
        read(text.encode())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_has_not_are_no_json_in_fields_that_are_ignored_either(number: str) -> None:
    with pytest.raises(MalformedBody):
        read(json.dumps(with_request(colour="THERE")).replace('"THERE"', number).encode())
    assert read(with_request(message=f"Is {number} a number?")).bodies[0]["message"] == f"Is {number} a number?"


def test_a_thousand_requests_are_taken() -> None:
    requests = [{"custom_id": f"req-{number}", "message": "m"} for number in range(1000)]
    assert len(read(a_body(requests=requests)).bodies) == 1000


def test_lengths_are_counted_in_characters() -> None:
    assert read(with_request(custom_id="ü" * 256)).bodies[0]["custom_id"] == "ü" * 256
    assert read(with_request(message="🙂")).bodies[0]["message"] == "🙂"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "body"),
        ("text", "body"),
        (None, "body"),
        ({"requests": [{"custom_id": "a", "message": "b"}]}, "agent_id"),
        (a_body(agent_id="agent-1"), "agent_id"),
        (a_body(agent_id=None), "agent_id"),
        (a_body(agent_id=7), "agent_id"),
        ({"agent_id": AGENT}, "requests"),
        (a_body(requests=[]), "requests"),
        (a_body(requests={}), "requests"),
        (a_body(requests="x"), "requests"),
        (a_body(requests=[7]), "requests.0"),
        (a_body(requests=[{"message": "m"}]), "requests.0.custom_id"),
        (a_body(requests=[{"custom_id": "a"}]), "requests.0.message"),
        (with_request(custom_id=""), "requests.0.custom_id"),
        (with_request(custom_id=5), "requests.0.custom_id"),
        (with_request(custom_id="x" * 257), "requests.0.custom_id"),
        (with_request(message=""), "requests.0.message"),
        (with_request(message=None), "requests.0.message"),
        (with_request(message=["m"]), "requests.0.message"),
        (with_request(agent_id="nope"), "requests.0.agent_id"),
        (with_request(external_user_id="u" * 256), "requests.0.external_user_id"),
        (with_request(external_user_id=5), "requests.0.external_user_id"),
        (with_request(name="n" * 257), "requests.0.name"),
        (with_request(attached_file_uuids="x"), "requests.0.attached_file_uuids"),
        (with_request(attached_file_uuids=[OTHER, "x"]), "requests.0.attached_file_uuids.1"),
        (with_request(attached_file_uuids=[OTHER] * 101), "requests.0.attached_file_uuids"),
        (with_request(history_id=0), "requests.0.history_id"),
        (with_request(history_id="12"), "requests.0.history_id"),
        (with_request(history_id=True), "requests.0.history_id"),
        (with_request(history_id=1.5), "requests.0.history_id"),
        (with_request(history_id=2**63), "requests.0.history_id"),
        (a_body(webhook="https://x.example"), "webhook"),
        (a_body(webhook={}), "webhook.url"),
        (with_webhook(url=""), "webhook.url"),
        (with_webhook(url=None), "webhook.url"),
        (with_webhook(events=[]), "webhook.events"),
        (with_webhook(events=["batch.completed"]), "webhook.events.0"),
        (with_webhook(events="completed"), "webhook.events"),
        (with_webhook(secret=""), "webhook.secret"),
        (with_webhook(secret="s" * 256), "webhook.secret"),
    ],
)
def test_a_wrong_shape_is_named_by_its_place(body: Any, place: str) -> None:
    found = problems(body)
    assert [problem.place for problem in found] == [place]
    assert found[0].structural


@pytest.mark.parametrize(
    "url",
    [
        "http://your-server.com/hook",
        "ftp://your-server.com/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://10.0.0.1/hook",
        "https://localhost/hook",
        "your-server.com/hook",
    ],
)
def test_a_webhook_that_can_never_be_sent_to_breaks_a_rule(url: str) -> None:
    found = problems(with_webhook(url=url))
    assert [(problem.place, problem.structural) for problem in found] == [("webhook.url", False)]


def test_a_repeated_event_breaks_a_rule() -> None:
    found = problems(with_webhook(events=["completed", "cancelled", "completed"]))
    assert [(problem.place, problem.structural) for problem in found] == [("webhook.events", False)]


def test_each_later_use_of_a_custom_id_names_the_first() -> None:
    ids = ["a", "b", "a", "c", "b", "a"]
    found = problems(a_body(requests=[{"custom_id": name, "message": "m"} for name in ids]))
    assert [problem.place for problem in found] == [f"requests.{index}.custom_id" for index in (2, 4, 5)]
    assert ["requests.0." in problem.message for problem in found] == [True, False, True]
    assert "requests.1." in found[1].message
    assert not any(problem.structural for problem in found)


def test_custom_ids_differ_by_case() -> None:
    assert len(read(a_body(requests=[{"custom_id": name, "message": "m"} for name in "aA"])).bodies) == 2


def test_everything_wrong_is_told_at_once_shape_and_rules_together() -> None:
    body = {
        "agent_id": "nope",
        "requests": [
            {"custom_id": "a", "message": "m"},
            {"custom_id": "a", "message": ""},
            {"custom_id": "x" * 257, "message": "m", "history_id": 0},
            {"custom_id": "b", "message": "nul\0"},
        ],
        "webhook": {"url": "http://your-server.com", "events": ["completed", "completed", "lost"], "secret": ""},
    }
    assert set(places(body)) == {
        "agent_id",
        "requests.1.custom_id",
        "requests.1.message",
        "requests.2.custom_id",
        "requests.2.history_id",
        "requests.3.message",
        "webhook.url",
        "webhook.events",
        "webhook.events.2",
        "webhook.secret",
    }


def test_one_request_too_many_hides_nothing_else() -> None:
    requests: list[dict[str, Any]] = [{"custom_id": f"req-{number}", "message": "m"} for number in range(1001)]
    requests[17] = {"custom_id": "req-3"}
    found = places(a_body(requests=requests, agent_id="nope"))
    assert sorted(found) == ["agent_id", "requests", "requests.17.custom_id", "requests.17.message"]


def test_nul_characters_are_refused_at_their_place() -> None:
    assert places(with_request(message="a\0b")) == ["requests.0.message"]
    assert places(with_request(custom_id="\0")) == ["requests.0.custom_id"]
    assert places(with_webhook(secret="s\0")) == ["webhook.secret"]


def test_what_only_looks_like_a_nul_is_taken() -> None:
    assert read(with_request(message="write \\u0000 for NUL")).bodies[0]["message"] == "write \\u0000 for NUL"


@pytest.mark.parametrize("half", ["\\ud800", "\\udc00", "\\ud83dx", "\\udfff\\ud800"])
def test_lone_surrogates_are_refused_at_their_place(half: str) -> None:
    raw = f'{{"agent_id":"{AGENT}","requests":[{{"custom_id":"a","message":"m"}},{{"custom_id":"b","message":"{half}"}}]}}'
    assert places(raw.encode()) == ["requests.1.message"]


def test_a_whole_pair_is_one_character() -> None:
    raw = f'{{"agent_id":"{AGENT}","requests":[{{"custom_id":"a","message":"\\ud83d\\ude00"}}]}}'
    assert read(raw.encode()).bodies[0]["message"] == "😀"


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"nonsense",
        b"{'agent_id': 1}",
        b'{"agent_id": "x",}',
        b"\xff\xfe{}",
        b'{"message": "\xff"}',
        b"[" * 10_000,
        b"[" * 900 + b"]" * 900,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        '{"agent_id": 1}'.encode("utf-16"),
    ],
)
def test_what_is_no_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedBody):
        read(raw)


def test_the_refusal_of_bad_json_quotes_nothing_of_it() -> None:
    with pytest.raises(MalformedBody) as refused:
        read(b'{"message": "the customer\'s secret", }')
    assert "customer" not in str(refused.value)


def test_every_agent_and_its_places_are_known() -> None:
    requests = [
        {"custom_id": "a", "message": "m"},
        {"custom_id": "b", "message": "m", "agent_id": OTHER},
        {"custom_id": "c", "message": "m", "agent_id": AGENT},
    ]
    wanted = read(a_body(requests=requests))
    assert wanted.agent_ids() == {AGENT, OTHER}
    assert wanted.places_of({OTHER}) == ["requests.1.agent_id"]
    assert wanted.places_of({AGENT}) == ["agent_id", "requests.2.agent_id"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["custom_id", "message", "agent_id", "external_user_id", "name", "attached_file_uuids", "history_id"]


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "agent_id": JSON,
            "requests": JSON | st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON), max_size=3),
            "webhook": JSON | st.dictionaries(st.sampled_from(["url", "events", "secret"]), JSON),
        },
    )
)
def test_no_json_at_all_ends_in_anything_but_a_refusal_that_names_places(body: dict[str, Any]) -> None:
    assert all(problem.place and problem.message for problem in problems(body))
