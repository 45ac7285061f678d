from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from factories import AT
from unit.workflow_webhooks.told import BATCH, CORE, a_run, a_step, a_workflow, extend_endpoint

from batchwork.domain.event import Event
from batchwork.domain.run import EVENTS, Run
from batchwork.domain.stringify import stringify
from batchwork.domain.webhook import PayloadRef
from batchwork.domain.webhook_endpoint import WebhookEndpoint
from batchwork.families.workflow_runs import events
from batchwork.families.workflow_runs.dialect import Dialect
from batchwork.families.workflow_runs.presenters import run_object
from batchwork.families.workflow_runs.step_presenters import step_object
from batchwork.families.workflow_runs.workflow_presenters import workflow_object
from batchwork.use_cases.tell import Told

COMPLETED, STEP = "workflow_run.completed", "workflow_run.step_run.processed"


def of_run(run: Run, name: str = COMPLETED) -> Event:
    return events.run_event(replace(run, metadata={}, steps=()), name, lambda: run)


def sent(event: Event, endpoint: WebhookEndpoint) -> Any:
    told = events.told(event, endpoint)
    assert told is not None
    return json.loads(told.body)


@pytest.mark.parametrize("version", ["2024-07-30", "2024-12-23", "2025-04-21", "2026-02-09"])
def test_a_run_is_told_whole_in_the_shapes_of_the_endpoints_version(version: str) -> None:
    run = a_run()
    dialect = {"2026-02-09": Dialect.V2026, "2025-04-21": Dialect.V2025}.get(version, Dialect.LEGACY)
    told = sent(of_run(run), extend_endpoint(version=version))
    assert list(told) == ["eventId", "eventType", "payload"]
    assert told["eventType"] == "workflow_run.completed"
    assert told["payload"] == json.loads(stringify(run_object(run, dialect)))
    assert told["payload"]["batchId"] == f"batch_{BATCH}"
    assert told["payload"]["metadata"] == {"n": 1, "ü": "✓"}


def test_a_body_is_what_javascript_would_print() -> None:
    told = events.told(of_run(a_run()), extend_endpoint())
    assert told is not None
    assert '"metadata":{"n":1,"ü":"✓"}'.encode() in told.body
    assert stringify(json.loads(told.body)).encode() == told.body
    assert told.payload is None


def test_a_step_run_is_told_by_its_number_and_each_is_an_event_of_its_own() -> None:
    run = a_run(steps=(a_step(0), a_step(1, name="other")))
    first, second = (of_run(run, f"{STEP}:{number}") for number in range(2))
    assert first.id != second.id
    assert (first.type, first.subject) == (STEP, run.id)
    told = sent(second, extend_endpoint())
    assert told["eventType"] == STEP
    assert told["payload"] == step_object(run, run.steps[1], Dialect.V2026)


def test_a_runs_events_are_wanted_only_through_a_subscription_to_its_workflow() -> None:
    for name in (*EVENTS.values(), f"{STEP}:0"):
        assert of_run(a_run(), name).topic == ("workflow", f"workflow_{CORE}")


def test_a_cancelled_run_is_told_to_endpoints_of_2026_alone() -> None:
    assert of_run(a_run(), "workflow_run.cancelled").versions == {"2026-02-09"}
    assert of_run(a_run()).versions == frozenset()


def test_a_run_is_read_once_for_all_endpoints_and_not_before_somebody_is_told() -> None:
    reads = 0

    def whole() -> Run:
        nonlocal reads
        reads += 1
        return a_run()

    event = events.run_event(a_run(), COMPLETED, whole)
    assert reads == 0
    for _ in range(3):
        events.told(event, extend_endpoint())
    assert reads == 1


def test_of_a_run_that_was_deleted_since_nobody_is_told() -> None:
    event = events.run_event(a_run(), COMPLETED, lambda: None)
    assert events.told(event, extend_endpoint()) is None


def test_a_large_payload_goes_as_a_url_to_who_asks_for_that_with_what_it_is_of() -> None:
    run = a_run()
    payload = stringify(run_object(run, Dialect.V2026)).encode()
    at_most = events.told(of_run(run), extend_endpoint(url_threshold=len(payload)))
    assert at_most is not None
    assert (at_most.payload, json.loads(at_most.body)["payload"]) == (None, json.loads(payload))
    above = events.told(of_run(run), extend_endpoint(url_threshold=len(payload) - 1))
    assert above == Told(payload, PayloadRef(run.id, {"n": 1.0, "ü": "✓"}))
    step = events.told(of_run(run, f"{STEP}:0"), extend_endpoint(url_threshold=0))
    assert step is not None
    assert step.payload == PayloadRef(run.steps[0].id)


@pytest.mark.parametrize("version", ["2024-12-23", "2026-02-09"])
@pytest.mark.parametrize("name", ["workflow.created", "workflow.deployed"])
def test_a_workflow_is_told_as_it_is_answered(name: str, version: str) -> None:
    workflow = a_workflow()
    event = events.event_of("FLOW", workflow, name)
    assert (event.type, event.subject, event.topic) == (name, workflow.id, None)
    dialect = Dialect.V2026 if version == "2026-02-09" else Dialect.LEGACY
    assert sent(event, extend_endpoint(version=version))["payload"] == workflow_object(workflow, dialect)


def test_an_endpoint_that_was_switched_off_is_told_without_its_secrets() -> None:
    off = extend_endpoint("wh_off", enabled=False, headers={"authorization": "of the receiver"})
    event = events.event_of("HOOK", off, "endpoint.disabled")
    assert event.type == "webhook_endpoint.disabled"
    assert event.type in events.GLOBAL_EVENTS
    assert event.subject == "wh_off"
    assert sent(event, extend_endpoint())["payload"] == {
        "object": "webhook_endpoint",
        "id": "wh_off",
        "url": "https://hooks.example.com/extend",
        "name": "Receiver",
        "status": "disabled",
        "enabledEvents": [],
        "apiVersion": "2026-02-09",
        "advancedOptions": {"payload": {"format": "json"}},
        "createdAt": "2026-01-15T10:30:00.000Z",
    }


def test_the_same_write_is_the_same_event_and_no_two_writes_are() -> None:
    run, workflow = a_run(), a_workflow()
    assert of_run(run) == of_run(run)
    writes = [
        of_run(run),
        of_run(run, "workflow_run.failed"),
        of_run(run, f"{STEP}:0"),
        of_run(replace(run, revision=2)),
        of_run(a_run(index=1)),
        of_run(a_run(workspace_id="other")),
        events.event_of("FLOW", workflow, COMPLETED),
        events.event_of("FLOW", replace(workflow, revision=2), COMPLETED),
        events.event_of("FLOW", replace(workflow, id=run.id), COMPLETED),
        events.event_of("HOOK", extend_endpoint(run.id, created_at=AT), COMPLETED),
    ]
    assert len({event.id for event in writes}) == len(writes)
    assert all(event.id.startswith("evt_") for event in writes)


def test_every_event_of_the_published_clients_can_be_asked_for() -> None:
    asked = {*events.GLOBAL_EVENTS, *events.SILENT_EVENTS}
    assert {"workflow.created", "workflow.deleted", "extractor.draft.updated", "batch_parse_run.failed"} <= asked
    assert {"processor_run.processed", "parser_run.failed", "processor.version.published"} <= asked
    assert asked.isdisjoint(events.WORKFLOW_EVENTS)
    assert len(asked) == len(events.GLOBAL_EVENTS) + len(events.SILENT_EVENTS)


def test_what_an_endpoints_version_does_not_know_is_unfit_for_it() -> None:
    names = (COMPLETED, "workflow_run.cancelled")
    assert events.unfit(extend_endpoint(), names) == []
    ((place, why),) = events.unfit(extend_endpoint(version="2025-04-21"), names)
    assert place == 1
    assert "2026-02-09" in why
    assert "2025-04-21" in why
