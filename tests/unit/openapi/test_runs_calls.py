"""What the workflow runs family answers, over stores in memory, is documented; and what is documented is answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from unit.openapi.runs_counter import NEW, Json, RunsCounter, documented, example_of, fits

from batchwork.domain.run import RunStatus

GENERATIONS = [(None, ""), ("2025-04-21", "/v1"), (NEW, "")]
RUN, BATCH = "/workflow_runs/{id}", "/workflow_runs/batch/{batch_id}"
ENDPOINT = "/webhook_endpoints/{id}"
DELIVERY = f"{ENDPOINT}/deliveries/{{delivery_id}}"
NONE = "c1none000000000000none0"


def a_workflow(counter: RunsCounter) -> str:
    made = counter.one("workflow", "post", "/workflows", example_of("post", "/workflows", "steps"))
    workflow_id: str = made["id"]
    return workflow_id


def bodies(counter: RunsCounter, path: str, workflow_id: str) -> list[Json]:
    """Return the document's examples of what asks for runs, in this counter's generation, of a workflow."""
    names = ["2026"] if counter.version == NEW else ["legacy", "texts"]
    if path.endswith("batch"):
        names = names[:1]
    found = []
    for name in names:
        body = dict(example_of("post", path, name))
        if counter.version == NEW:
            body["workflow"] = {"id": workflow_id}
        else:
            body["workflowId"] = workflow_id
            body.pop("version", None)
        found.append(body)
    return found


def wrong(counter: RunsCounter, workflow_id: str) -> None:
    """Ask for batches of runs that are not taken, as the document shows their refusals."""
    (body,) = bodies(counter, "/workflow_runs/batch", workflow_id)
    call = ("post", "/workflow_runs/batch")
    one = body["inputs"][0]
    bad = {"file": {"url" if counter.version == NEW else "fileUrl": "http://example.com/a.pdf"}}
    counter(*call, {**body, "inputs": [*[one] * 17, {"metadata": {}}, bad]})
    counter(*call, {**body, "inputs": [one] * 1001})
    counter(*call, {**body, "version": "0"})
    counter(*call, body, headers={"idempotency-key": "ключ"})


def a_batch(counter: RunsCounter, workflow_id: str) -> str:
    (body,) = bodies(counter, "/workflow_runs/batch", workflow_id)
    batch_id: str = counter("post", "/workflow_runs/batch", body)["batchId"]
    return batch_id


def workflows(counter: RunsCounter) -> None:
    counter("post", "/workflows", example_of("post", "/workflows", "bare"))
    counter("post", "/workflows", {"steps": []})
    rules = {"name": "check", "type": "RULE_VALIDATION", "config": {"rules": [{"name": "a", "formula": ""}]}}
    parse = {"name": "parse", "type": "PARSE", "next": [{"step": "chekc"}]}
    counter("post", "/workflows", {"name": "x", "steps": [{"name": "a", "type": "TRIGGER"}, parse, rules]})
    one: Json = {"id": a_workflow(counter)}
    version = "/workflows/{id}/versions/{version}"
    assert len(counter.many("workflows", "get", "/workflows", query={"maxPageSize": "1", "sortBy": "createdAt"})) == 2
    counter("get", "/workflows", query={"sortBy": "size", "maxPageSize": "0"})
    assert counter.one("workflow", "get", "/workflows/{id}", **one)["draftVersion"]["steps"]
    counter("get", "/workflows/{id}", id=f"workflow_{NONE}")
    counter("get", "/workflows/{id}", speaking="2000-01-01", **one)
    counter("post", "/workflows/{id}", example_of("post", "/workflows/{id}"), **one)
    counter("post", "/workflows/{id}", **one)
    counter("post", "/workflows/{id}", {"steps": [{"name": "a", "type": "b"}]}, **one)
    counter("post", "/workflows/{id}", {}, id=f"workflow_{NONE}")
    deploy = ("post", "/workflows/{id}/versions")
    made = counter.one("workflowVersion", *deploy, example_of(*deploy), **one)
    assert (made["version"], made["name"]) == ("1", "First")
    counter(*deploy, **one)
    counter(*deploy, {"steps": [{"name": "a", "type": "TRIGGER"}]}, **one)
    counter(*deploy, {}, id=f"workflow_{NONE}")
    listed = counter.many("workflowVersions", "get", "/workflows/{id}/versions", query={"maxPageSize": "2"}, **one)
    assert [each["version"] for each in listed] == ["draft", "2", "1"]
    counter("get", "/workflows/{id}/versions", query={"sortDir": "up"}, **one)
    counter("get", "/workflows/{id}/versions", id=f"workflow_{NONE}")
    for name in ("1", "draft", "latest", made["id"]):
        assert counter.one("workflowVersion", "get", version, **one, version=name)["steps"]
    for name in ("9", "abc"):
        counter("get", version, **one, version=name)
    counter("get", version, speaking="2000-01-01", **one, version="1")


def asked(counter: RunsCounter) -> None:
    """Ask for runs, look at them and list them."""
    workflow_id = a_workflow(counter)
    wrong(counter, workflow_id)
    batch_id = a_batch(counter, workflow_id)
    for body in bodies(counter, "/workflow_runs", workflow_id):
        counter("post", "/workflow_runs", body)
    for path in ("/workflow_runs/batch", "/workflow_runs"):
        body = bodies(counter, path, workflow_id)[0]
        unknown = (
            {"workflow": {"id": f"workflow_{NONE}"}} if counter.version == NEW else {"workflowId": f"workflow_{NONE}"}
        )
        counter("post", path, {**body, **unknown})
        counter("post", path, {**body, "inputs": [], "files": [], "file": {}})
        counter("post", path, b'{"inputs": [')
        counter("post", path, body, speaking="yesterday")
    for query in (
        {"maxPageSize": "1"},
        {"sortBy": "createdAt", "sortDir": "asc", "workflowId": workflow_id},
        {"batchId": batch_id, "status": "PENDING", "fileNameContains": "INVOICE"},
    ):
        assert counter.many("workflowRuns", "get", "/workflow_runs", query=query)
    for query in ({"status": "DONE", "maxPageSize": "1001"}, {"nextPageToken": "x"}, {"maxPageSize": "0"}):
        counter("get", "/workflow_runs", query=query)
    run_id = counter.many("workflowRuns", "get", "/workflow_runs", query={"batchId": batch_id})[0]["id"]
    assert counter.one("workflowRun", "get", RUN, id=run_id)["status"] == "PENDING"
    assert counter.one("batch", "get", BATCH, batch_id=batch_id)["counts"]["PENDING"] == 2
    counter.settle(run_id)
    assert counter.one("workflowRun", "get", RUN, id=run_id)["stepRuns"]
    assert counter.one("batch", "get", BATCH, batch_id=batch_id)["counts"]["PROCESSED"] == 2
    assert counter.many("workflowRuns", "get", "/workflow_runs", query={"status": "PROCESSED"})
    for path in (RUN, BATCH):
        counter("get", path, id="none", batch_id="none")
        counter("get", path, speaking="2000-01-01", id="none", batch_id="none")


def changed(counter: RunsCounter) -> None:
    """Change runs, and cancel them."""
    workflow_id = a_workflow(counter)
    batch_id = a_batch(counter, workflow_id)
    first, second = (
        each["id"] for each in counter.many("workflowRuns", "get", "/workflow_runs", query={"batchId": batch_id})
    )
    update = example_of("post", RUN)
    assert counter.one("workflowRun", "post", RUN, update, id=first)["metadata"]["paid"] is True
    counter("post", RUN, {"metadata": {"x": "x" * 11_000}}, id=first)
    for number in range(7):
        counter("post", RUN, {"metadata": {f"x{number}": "x" * 10_000}}, id=first)
    counter("post", RUN, update, id="none")
    counter("delete", RUN, id=first)
    assert counter.one("workflowRun", "post", f"{RUN}/cancel", id=first)["status"] == "CANCELLED"
    counter("post", f"{RUN}/cancel", id=first)
    counter("post", f"{RUN}/cancel", id="none")
    counter("post", f"{RUN}/review", {"decision": "approve"}, id=first)
    counter.settle(second, RunStatus.NEEDS_REVIEW)
    ended = counter.one("workflowRun", "post", f"{RUN}/review", example_of("post", f"{RUN}/review"), id=second)
    assert (ended["status"], ended["rejectionNote"]) == ("REJECTED", "Invalid invoice format")
    counter("post", f"{RUN}/review", {"decision": "perhaps"}, id=second)
    counter("post", f"{RUN}/review", {"decision": "reject"}, id="none")
    counter("delete", RUN, id=second)
    counter("delete", RUN, id=second)
    other = a_batch(counter, workflow_id)
    cancel = ("post", f"{BATCH}/cancel")
    assert counter.one("batch", *cancel, batch_id=other)["status"] in {"CANCELLING", "CANCELLED"}
    counter(*cancel, batch_id=batch_id)
    counter(*cancel, batch_id="none")


def files(counter: RunsCounter) -> None:
    upload = ("post", "/files/upload")
    text = counter.one("file", *upload, form=({"file": ("a.csv", b"a,b\n1,2\n", "text/csv")}, {}))
    assert text["type"] == "CSV"
    counter(*upload, form=({"file": ("a.exe", b"MZ\0\0", "application/octet-stream")}, {"password": "x"}))
    counter(*upload, form=({"file": ("a.csv", b"a,b\n", "text/csv")}, {}), query={"convertToPdf": "true"})
    counter(*upload, {"file": "x"})
    counter(*upload, form=({"other": ("a.csv", b"a,b\n", "text/csv")}, {}))
    announce = ("post", "/files/upload/presigned")
    told = counter(*announce, example_of(*announce))
    assert told["upload"]["method"] == "PUT"
    counter(*announce, {"fileName": "a.pdf", "contentType": "application/pdf", "size": 2**40})
    counter(*announce, {"fileName": "a.pdf", "contentType": "pdf", "size": 1})
    counter(*announce, b"{}", headers={"content-type": "text/plain"})
    listed = counter.many("files", "get", "/files", query={"maxPageSize": "1", "nameContains": "A"})
    assert text["id"] in {each["id"] for each in listed}
    counter("get", "/files", query={"nameContains": "x" * 256})
    flags = {"rawText": "true", "markdown": "true", "html": "true"}
    shown = counter.one("file", "get", "/files/{id}", id=text["id"], query=flags)
    assert shown["contents"]["rawText"].startswith("a,b")
    unreadable(counter, told["file"]["id"])
    assert counter.one("file", "get", "/files/{id}", id=told["file"]["id"])["name"] == "invoices.pdf"
    counter("get", "/files/{id}", id=text["id"], query={"rawText": "perhaps"})
    counter("get", "/files/{id}", id="none")
    counter("get", "/files/{id}", id=f"file_{NONE}_0")
    counter("delete", "/files/{id}", id=f"file_{NONE}_0")
    counter("delete", "/files/{id}", id=text["id"])
    counter("delete", "/files/{id}", id=text["id"])
    run_files(counter)


def unreadable(counter: RunsCounter, file_id: str) -> None:
    """Ask for the contents of a file that turned out to be none."""
    counter.world.blobs.upload(counter.files.stored["acme", file_id].blob, b"MZ\0\0")
    counter("get", "/files/{id}", id=file_id, query={"rawText": "true"})


def run_files(counter: RunsCounter) -> None:
    """Look at the file of a run."""
    batch_id = a_batch(counter, a_workflow(counter))
    place = batch_id.removeprefix("batch_")
    counter.one("file", "get", "/files/{id}", id=f"file_{place}_1", query={"rawText": "true"})


def endpoints(counter: RunsCounter) -> None:
    create = ("post", "/webhook_endpoints")
    made = counter.one("webhookEndpoint", *create, example_of(*create))
    one: Json = {"id": made["id"]}
    assert made["signingSecret"].startswith("wss_")
    options = {"headers": {"x-own": "1"}, "payload": {"format": "url"}, "rateLimitPerMinute": 60}
    counter(*create, {**example_of(*create), "advancedOptions": options, "apiVersion": NEW})
    counter(*create, {"url": "http://10.0.0.1/x", "name": "", "enabledEvents": []})
    counter(*create, {**example_of(*create), "enabledEvents": ["workflow_run.completed"]})
    assert "signingSecret" not in counter.one("webhookEndpoint", "get", ENDPOINT, **one)
    counter("get", ENDPOINT, id="wh_none")
    counter("get", ENDPOINT, speaking="1999-01-01", **one)
    listed = counter.many("webhookEndpoints", "get", "/webhook_endpoints", query={"maxPageSize": "1"})
    assert len(listed) == 2
    counter("get", "/webhook_endpoints", query={"status": "asleep"})
    changed = counter.one("webhookEndpoint", "post", ENDPOINT, example_of("post", ENDPOINT), **one)
    assert changed["status"] == "disabled"
    counter("post", ENDPOINT, {"apiVersion": NEW}, **one)
    counter("post", ENDPOINT, {"name": "x"}, id="wh_none")
    rotate = ("post", f"{ENDPOINT}/rotate_secret")
    rotated = counter.one("webhookEndpoint", *rotate, example_of(*rotate), **one)
    assert rotated["signingSecret"] != made["signingSecret"]
    counter(*rotate, **one)
    counter(*rotate, {"overlapSeconds": 10**6}, **one)
    counter(*rotate, id="wh_none")
    recover = ("post", f"{ENDPOINT}/recover")
    counter(*recover, {"since": "2024-01-01T00:00:00Z"}, **one)
    counter("post", ENDPOINT, {"status": "enabled"}, **one)
    since = (counter.clock.now() - timedelta(hours=1)).isoformat()
    assert counter.one("webhookRecovery", *recover, {"since": since}, **one)["webhookEndpointId"] == made["id"]
    counter(*recover, {"since": "yesterday"}, **one)
    counter(*recover, {"since": "2126-01-01T00:00:00Z"}, **one)
    counter(*recover, {"since": since}, id="wh_none")
    subscriptions(counter, made["id"])
    counter("delete", ENDPOINT, **one)
    counter("delete", ENDPOINT, **one)


def subscriptions(counter: RunsCounter, endpoint_id: str) -> None:
    put, one = ("post", "/webhook_subscriptions"), "/webhook_subscriptions/{id}"
    workflow_id = a_workflow(counter)
    body = {**example_of(*put), "webhookEndpointId": endpoint_id, "resourceId": workflow_id}
    made = counter.one("webhookSubscription", *put, body)
    counter(*put, {**body, "enabledEvents": ["workflow_run.cancelled"]})
    counter(*put, {**body, "resourceId": f"workflow_{NONE}"})
    counter(*put, {**body, "webhookEndpointId": "wh_none"})
    counter(*put, {**body, "resourceType": "extractor", "enabledEvents": []})
    for query in ({"webhookEndpointId": endpoint_id}, {"resourceId": workflow_id, "sortDir": "asc"}):
        assert counter.many("webhookSubscriptions", "get", "/webhook_subscriptions", query=query)
    counter("get", "/webhook_subscriptions", query={"maxPageSize": "many"})
    counter("get", one, id=made["id"])
    counter("get", one, id="none")
    counter("get", one, id="none", speaking="2000-01-01")
    assert counter.one("webhookSubscription", "post", one, example_of("post", one), id=made["id"])
    counter("post", one, {"enabledEvents": ["x"]}, id=made["id"])
    counter("post", one, {}, id="none")
    counter("delete", one, id=made["id"])
    counter("delete", one, id=made["id"])


def deliveries(counter: RunsCounter) -> None:
    create, test = ("post", "/webhook_endpoints"), ("post", f"{ENDPOINT}/test")
    made = counter.one("webhookEndpoint", *create, {**example_of(*create), "url": "https://hooks.example.com/x"})
    one: Json = {"id": made["id"]}
    tried = counter.one("webhookDelivery", *test, example_of(*test), **one)
    assert (tried["status"], tried["responseBody"]) == ("delivered", "ok")
    counter.hook_answers(500)
    assert counter.one("webhookDelivery", *test, **one)["status"] == "failed"
    counter(*test, {"eventType": "workflow_run.cancelled"}, **one)
    counter(*test, {}, id="wh_none")
    log = f"{ENDPOINT}/deliveries"
    listed = counter.many("webhookDeliveries", "get", log, query={"maxPageSize": "1"}, **one)
    assert [each["status"] for each in listed] == ["failed", "delivered"]
    counter("get", log, query={"status": "lost"}, **one)
    counter("get", log, id="wh_none")
    named: Json = {**one, "delivery_id": tried["id"]}
    assert counter.one("webhookDelivery", "get", DELIVERY, **named)["body"].startswith("{")
    counter("get", DELIVERY, **{**named, "delivery_id": "none"})
    counter("get", DELIVERY, speaking="2000-01-01", **named)
    again = counter.one("webhookDelivery", "post", f"{DELIVERY}/replay", **named)
    assert again["replayOf"] == tried["id"]
    pending: Json = {**named, "delivery_id": again["id"]}
    assert counter.one("webhookDelivery", "post", f"{DELIVERY}/replay", **pending)["id"] == again["id"]
    (held,) = (each for each in counter.deliveries.find("acme", None, 100) if each.id == again["id"])
    now = counter.clock.now()
    assert counter.deliveries.begin(held, 1, now + timedelta(minutes=1), now)
    counter("post", f"{DELIVERY}/replay", **pending)
    counter("post", f"{DELIVERY}/replay", **{**named, "delivery_id": "none"})


ALL: list[Callable[[RunsCounter], None]] = [workflows, asked, changed, files, endpoints, deliveries]


@pytest.mark.parametrize(("version", "prefix"), GENERATIONS)
@pytest.mark.parametrize("calls", ALL, ids=lambda calls: calls.__name__)
def test_what_is_answered_is_documented(calls: Callable[[RunsCounter], None], version: str | None, prefix: str) -> None:
    counter = RunsCounter(version, prefix)
    calls(counter)
    assert counter.answered


def test_what_is_documented_is_answered() -> None:
    given = set()
    for version, prefix in GENERATIONS:
        counter = RunsCounter(version, prefix)
        for calls in ALL:
            calls(counter)
        given |= {(verb, path, str(status)) for verb, path, status in counter.answered}
    # The other statuses are those of what is checked before any call: test_runs_refusals.
    whole = {
        (verb, path, status)
        for (verb, path), told in documented().items()
        for status in told["responses"]
        if status in {"200", "404"}
    }
    assert whole - given == set()


def test_an_answer_that_is_not_documented_is_found() -> None:
    with pytest.raises(AssertionError):
        fits("get", "/workflows", 418, {})
    with pytest.raises(Exception, match="is not valid under any of the given schemas"):
        fits("get", "/workflows", 200, {})


def test_every_call_of_the_family_is_documented_at_both_prefixes_and_no_others() -> None:
    served = {(method.lower(), path) for method, path in RunsCounter().routes()}
    assert served == {(verb, where) for verb, path in documented() for where in (path, f"/v1{path}")}
