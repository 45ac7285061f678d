"""What endpoints of the workflow runs family are sent is what docs/openapi.yaml says and shows."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from documented import document, resolved, rules
from unit.openapi.run_samples import A_DELIVERY, A_RUN, A_WORKFLOW, AN_ENDPOINT, AT, REJECTED

from batchwork.domain.event import Event
from batchwork.domain.idempotency import Ticket
from batchwork.domain.run import EVENTS, STEP_PROCESSED, Run
from batchwork.domain.signature import NEXT, by_url, headers
from batchwork.domain.stringify import stringify
from batchwork.domain.webhook import ATTEMPT_TIMEOUTS, SCHEDULES, PayloadRef
from batchwork.domain.webhook_endpoint import PATIENCE
from batchwork.families.workflow_runs import events
from batchwork.families.workflow_runs.dialect import Dialect
from batchwork.families.workflow_runs.webhook_samples import TEST, trial_body, trial_of
from batchwork.families.workflow_runs.webhook_schemas import THRESHOLD

FAMILY = "Workflow runs family"


def told() -> list[dict[str, Any]]:
    """Return what is told of each kind of the family's webhooks."""
    return [each["post"] for each in document()["webhooks"].values() if each["post"]["description"].startswith(FAMILY)]


def payload_of(event_type: str) -> dict[str, Any]:
    """Return the documented body of an event."""
    for each in told():
        body: dict[str, Any] = each["requestBody"]["content"]["application/json"]
        types = body["schema"]["properties"]["eventType"]
        if event_type in types.get("enum", [types.get("const")]):
            return body
    raise AssertionError(event_type)


def things() -> Iterator[Event]:
    """Yield an event of every type that is told, and some of the same with other payloads."""
    for status, name in EVENTS.items():
        run = replace(REJECTED, status=status)
        yield events.run_event(run, name, lambda run=run: run)  # type: ignore[misc]
    for number, _ in enumerate(A_RUN.steps):
        yield events.run_event(A_RUN, f"{STEP_PROCESSED}:{number}", lambda: A_RUN)
    for name in ("workflow.created", "workflow.deployed"):
        yield events.event_of("FLOW", A_WORKFLOW, name)
    yield events.event_of("HOOK", replace(AN_ENDPOINT, enabled=False), "endpoint.disabled")


@pytest.mark.parametrize("dialect", [Dialect.LEGACY, Dialect.V2025, Dialect.V2026])
def test_every_event_is_told_as_documented(dialect: Dialect) -> None:
    endpoint = replace(AN_ENDPOINT, version=str(dialect))
    seen = set()
    for event in things():
        sent = events.told(event, endpoint)
        assert sent is not None
        body = json.loads(sent.body)
        rules(payload_of(event.type)["schema"]).validate(body)
        seen.add(event.type)
    assert seen == {*events.WORKFLOW_EVENTS, *events.GLOBAL_EVENTS}


@pytest.mark.parametrize("dialect", [Dialect.LEGACY, Dialect.V2025, Dialect.V2026])
def test_what_an_endpoint_is_tried_with_is_told_as_documented(dialect: Dialect) -> None:
    endpoint = replace(AN_ENDPOINT, version=str(dialect))
    for event_type in (TEST, *events.WORKFLOW_EVENTS, *events.GLOBAL_EVENTS):
        body = json.loads(trial_body(trial_of(endpoint, event_type, Ticket("t", AT)), endpoint))
        rules(payload_of(event_type)["schema"]).validate(body)


@pytest.mark.parametrize("dialect", [Dialect.V2025, Dialect.V2026])
def test_a_payload_that_goes_as_a_url_is_told_as_documented(dialect: Dialect) -> None:
    delivery = replace(A_DELIVERY, version=str(dialect), payload=PayloadRef(A_RUN.id, {"order": 4711}))
    body = json.loads(by_url(delivery, "https://bucket.s3.amazonaws.com/payload?X-Amz-Expires=3600"))
    rules(payload_of(A_DELIVERY.event_type)["schema"]).validate(body)


def test_no_other_events_are_documented() -> None:
    types = set()
    for each in told():
        schema = each["requestBody"]["content"]["application/json"]["schema"]["properties"]["eventType"]
        types |= set(schema.get("enum", [schema.get("const")]))
    assert types == {*events.WORKFLOW_EVENTS, *events.GLOBAL_EVENTS, TEST}
    schemas = document()["components"]["schemas"]
    assert schemas["RunEvent"]["enum"] == list(events.WORKFLOW_EVENTS)
    asked = rules({"$ref": "#/components/schemas/GlobalEvent"})
    assert all(map(asked.is_valid, (*events.GLOBAL_EVENTS, *events.SILENT_EVENTS)))
    assert not any(map(asked.is_valid, events.WORKFLOW_EVENTS))


def example() -> dict[str, Any]:
    body: dict[str, Any] = payload_of("workflow_run.needs_review")["example"]
    return body


def test_the_example_is_what_is_sent_and_its_signatures_hold() -> None:
    def whole() -> Run:
        return A_RUN

    event = events.run_event(A_RUN, "workflow_run.needs_review", whole)
    sent = events.told(event, AN_ENDPOINT)
    assert sent is not None
    assert json.loads(sent.body) == example()
    shown = {each["name"]: each["example"] for each in header_parameters()}
    body = stringify(example())
    at = shown["x-extend-request-timestamp"]
    signed = f"v0:{at}:{body}".encode()
    digest = hmac.new(AN_ENDPOINT.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert shown["x-extend-request-signature"] == digest
    delivery = replace(A_DELIVERY, event_id=event.id, body=sent.body, secret=AN_ENDPOINT.secret)
    assert headers(delivery, AT)["webhook-signature"] == shown["webhook-signature"]
    assert int(AT.timestamp()) == at


def header_parameters() -> list[dict[str, Any]]:
    (parameters,) = {json.dumps(each["parameters"]) for each in told()}
    return [resolved(each) for each in json.loads(parameters)]


def test_the_headers_of_deliveries_are_those_that_are_sent() -> None:
    documented = {each["name"]: each["schema"] for each in header_parameters()}
    for second in (None, "wss_second"):
        delivery = replace(A_DELIVERY, body=b"{}", secret="wss_first", next_secret=second)
        sent = headers(delivery, AT)
        extra = {f"x-extend-request-signature{NEXT}"} if second else set()
        assert sent.keys() == documented.keys() | {"Content-Type"} | extra
        for name, schema in documented.items():
            value = int(sent[name]) if schema.get("type") == "integer" else sent[name]
            rules(schema).validate(value)
        assert all(name in told()[0]["description"] for name in extra)


def test_waits_and_limits_are_told_as_they_are() -> None:
    description = " ".join(told()[0]["description"].split())
    minutes = [int(wait.total_seconds() // 60) for wait in SCHEDULES[events.STYLE]]
    assert minutes == [1, 5, 30, 120, 480]
    assert "after 1 minute, 5 minutes, 30 minutes, 2 hours and 8 hours" in description
    assert f"has {int(ATTEMPT_TIMEOUTS[events.STYLE].total_seconds())} seconds" in description
    assert PATIENCE.days == 5
    assert "took nothing for five days" in description
    options = document()["components"]["schemas"]["EndpointOptions"]["properties"]["payload"]["properties"]
    assert f"{THRESHOLD:,}" in options["urlThresholdBytes"]["description"]
