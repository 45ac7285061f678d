"""What bodies of endpoints and subscriptions may say, and where they are told to be wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batchwork.domain.address import check_url
from batchwork.domain.custom_headers import faults
from batchwork.domain.errors import InvalidRequest
from batchwork.edge.http import Request
from batchwork.edge.shapes import ShapeT
from batchwork.families.workflow_runs.errors import place_of
from batchwork.families.workflow_runs.events import WORKFLOW_EVENTS
from batchwork.families.workflow_runs.webhook_schemas import (
    THRESHOLD,
    EndpointChanges,
    NewEndpoint,
    NewSubscription,
    Rotation,
    SubscriptionChanges,
    read,
    read_or_empty,
)

GOOD: dict[str, Any] = {
    "url": "https://hooks.example.com/extend",
    "name": "Receiver",
    "enabledEvents": ["workflow.created"],
    "apiVersion": "2026-02-09",
}
SUBSCRIPTION: dict[str, Any] = {
    "webhookEndpointId": "wh_c1",
    "resourceType": "workflow",
    "resourceId": "workflow_1",
    "enabledEvents": ["workflow_run.completed"],
}


def body(shape: type[ShapeT], given: Any) -> ShapeT:
    raw = json.dumps(given).encode()
    request = Request(method="POST", resource="/", path="/", body=raw, headers={"content-type": "application/json"})
    return read(shape, request, check_url)


def problems(shape: type[Any], given: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        body(shape, given)
    return {place_of(each): each.message for each in refused.value.problems}


def options(**given: Any) -> dict[str, Any]:
    return {**GOOD, "advancedOptions": given}


def test_a_whole_endpoint_is_read_as_its_fields() -> None:
    given = body(
        NewEndpoint,
        {
            **GOOD,
            "status": "disabled",
            "advancedOptions": {
                "headers": {"Authorization": "Bearer x"},
                "payload": {"format": "url", "urlThresholdBytes": 5},
                "rateLimitPerMinute": 60,
            },
        },
    )
    assert given.api_version == "2026-02-09"
    assert given.fields() == {
        "name": "Receiver",
        "url": "https://hooks.example.com/extend",
        "enabled": False,
        "events": ("workflow.created",),
        "headers": {"Authorization": "Bearer x"},
        "url_threshold": 5,
        "rate": 60,
    }


@pytest.mark.parametrize("empty", [[], ["extractor.created"], ["webhook_endpoint.disabled", "batch_parse_run.failed"]])
def test_no_event_is_needed_and_those_that_never_come_can_be_asked_for(empty: list[str]) -> None:
    assert body(NewEndpoint, {**GOOD, "enabledEvents": empty}).fields()["events"] == tuple(empty)


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, {}),
        ({"name": None, "advancedOptions": None}, {}),
        ({"status": "enabled"}, {"enabled": True}),
        ({"advancedOptions": {}}, {}),
        ({"advancedOptions": {"headers": {}}}, {"headers": {}}),
        ({"advancedOptions": {"headers": None, "rateLimitPerMinute": None}}, {"headers": {}, "rate": None}),
        ({"advancedOptions": {"payload": {"format": "json", "urlThresholdBytes": 7}}}, {"url_threshold": None}),
        ({"advancedOptions": {"payload": {"format": "url"}}}, {"url_threshold": THRESHOLD}),
        ({"advancedOptions": {"payload": {"format": "url", "urlThresholdBytes": 0}}}, {"url_threshold": 0}),
        ({"advancedOptions": {"payload": None}}, {"url_threshold": None}),
    ],
)
def test_a_change_is_what_it_names_and_null_takes_an_option_back(given: Any, fields: Any) -> None:
    assert body(EndpointChanges, given).fields() == fields


@pytest.mark.parametrize(
    ("given", "place", "told"),
    [
        ({**GOOD, "url": "http://hooks.example.com/"}, "url", "HTTPS"),
        ({**GOOD, "url": "https://10.0.0.1/"}, "url", "private"),
        ({**GOOD, "url": ""}, "url", "at least 1"),
        ({**GOOD, "url": "https://hooks.example.com/" + "a" * 2048}, "url", "2048"),
        ({**GOOD, "url": 1}, "url", "string"),
        ({**GOOD, "name": ""}, "name", "at least 1"),
        ({**GOOD, "name": "n" * 256}, "name", "255"),
        ({**GOOD, "name": None}, "name", "string"),
        ({**GOOD, "enabledEvents": ["workflow.created", "x"]}, "enabledEvents[1]", "workflow.created"),
        ({**GOOD, "enabledEvents": ["workflow_run.completed"]}, "enabledEvents[0]", "/webhook_subscriptions"),
        ({**GOOD, "enabledEvents": ["workflow.created"] * 2}, "enabledEvents", "more than once"),
        ({**GOOD, "enabledEvents": "workflow.created"}, "enabledEvents", "array"),
        ({**GOOD, "apiVersion": "2023-01-01"}, "apiVersion", "2026-02-09"),
        ({name: GOOD[name] for name in GOOD if name != "apiVersion"}, "apiVersion", "required"),
        ({**GOOD, "status": "paused"}, "status", "disabled"),
        (options(payload={"format": "xml"}), "advancedOptions.payload.format", "json"),
        (options(payload={}), "advancedOptions.payload.format", "required"),
        (
            options(payload={"format": "url", "urlThresholdBytes": -1}),
            "advancedOptions.payload.urlThresholdBytes",
            "equal to 0",
        ),
        (
            options(payload={"format": "url", "urlThresholdBytes": 5_000_001}),
            "advancedOptions.payload.urlThresholdBytes",
            "5000000",
        ),
        (options(rateLimitPerMinute=0), "advancedOptions.rateLimitPerMinute", "equal to 1"),
        (options(rateLimitPerMinute=6001), "advancedOptions.rateLimitPerMinute", "6000"),
        (options(headers=["x"]), "advancedOptions.headers", "object"),
        (
            options(headers={"X-Extend-Request-Signature": "x"}),
            "advancedOptions.headers.X-Extend-Request-Signature",
            "sender",
        ),
        (options(headers={"X-Ours": "a\nb"}), "advancedOptions.headers.X-Ours", "printable"),
        (options(headers={"a b\r\n": "x"}), "advancedOptions.headers", "64"),
    ],
)
def test_what_is_wrong_with_an_endpoint_is_told_with_its_place_and_limit(given: Any, place: str, told: str) -> None:
    found = problems(NewEndpoint, given)
    assert found.keys() == {place}
    assert told in found[place]


def test_everything_wrong_is_told_at_once() -> None:
    found = problems(
        EndpointChanges,
        {"url": "ftp://x", "name": 1, "enabledEvents": ["a"], "advancedOptions": {"headers": {"Host": "x", "Te": "x"}}},
    )
    assert found.keys() == {
        "url", "name", "enabledEvents[0]", "advancedOptions.headers.Host", "advancedOptions.headers.Te",
    }  # fmt: skip


@pytest.mark.parametrize("name", WORKFLOW_EVENTS)
def test_each_event_of_a_workflow_can_be_subscribed_to(name: str) -> None:
    assert body(NewSubscription, {**SUBSCRIPTION, "enabledEvents": [name]}).enabled_events == [name]


@pytest.mark.parametrize(
    ("given", "place", "told"),
    [
        ({**SUBSCRIPTION, "resourceType": "extractor"}, "resourceType", '"workflow"'),
        ({**SUBSCRIPTION, "resourceType": "batch"}, "resourceType", '"workflow"'),
        ({**SUBSCRIPTION, "resourceId": ""}, "resourceId", "at least 1"),
        ({**SUBSCRIPTION, "webhookEndpointId": 7}, "webhookEndpointId", "string"),
        ({**SUBSCRIPTION, "enabledEvents": []}, "enabledEvents", "at least 1"),
        ({**SUBSCRIPTION, "enabledEvents": ["workflow.created"]}, "enabledEvents[0]", "workflow_run.completed"),
        ({**SUBSCRIPTION, "enabledEvents": ["workflow_run.completed"] * 2}, "enabledEvents", "more than once"),
    ],
)
def test_what_is_wrong_with_a_subscription_is_told_with_its_place(given: Any, place: str, told: str) -> None:
    found = problems(NewSubscription, given)
    assert found.keys() == {place}
    assert told in found[place]


def test_a_change_of_a_subscription_may_name_nothing() -> None:
    assert body(SubscriptionChanges, {}).enabled_events is None
    assert problems(SubscriptionChanges, {"enabledEvents": []}).keys() == {"enabledEvents"}


def test_an_overlap_has_an_end_and_a_call_without_fields_may_come_bare() -> None:
    bare = Request(method="POST", resource="/", path="/")
    assert read_or_empty(Rotation, bare).overlap_seconds is None
    assert body(Rotation, {"overlapSeconds": 0}).overlap_seconds == 0
    assert "604800" in problems(Rotation, {"overlapSeconds": 604_801})["overlapSeconds"]


@pytest.mark.parametrize("name", ["Content-Type", "HOST", "webhook-id", "x-extend-api-version", "Proxy-Authorization"])
def test_headers_of_the_sender_and_of_the_connection_are_not_theirs(name: str) -> None:
    assert [named for named, _ in faults({name: "x"})] == [name]


def test_a_header_is_a_name_and_a_text_without_line_ends() -> None:
    assert list(faults({"Authorization": "Bearer x", "X-Empty": "", "x-a.b_c~d": "é".encode().hex()})) == []
    for bad in ("", "a b", "a:b", "a" * 65, "ü"):
        ((name, _),) = faults({bad: "x"})
        assert name is None
    for value in ("a\r\nb", "ü", " a", "a\t", "x" * 1025, None, 7):
        ((name, _),) = faults({"X-Ours": value})
        assert name == "X-Ours"
    assert [name for name, _ in faults({"X-Ours": "1", "x-ours": "2"})] == ["x-ours"]
    assert len(list(faults({f"X-{number}": "x" for number in range(21)}))) == 1
