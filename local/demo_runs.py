"""The workflow runs family in the demo: documents through a workflow that reads, sorts and checks them, told by webhooks."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from local.demo_checks import DemoFailed, must
from local.receiver import Receiver, receiver

INVOICES = Path(__file__).parent / "invoices"
PATIENCE_SECONDS = 30
TOTAL = 200
Json = dict[str, Any]
SCHEMA: Json = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": ["string", "null"]},
        "invoice_date": {"type": ["string", "null"], "extend:type": "date"},
        "total": {"type": ["number", "null"]},
    },
}
STEPS: list[Json] = [
    {"name": "trigger", "type": "TRIGGER", "next": [{"step": "parse"}]},
    {"name": "parse", "type": "PARSE", "next": [{"step": "kind"}]},
    {
        "name": "kind",
        "type": "CLASSIFY",
        "config": {
            "classifierConfig": {
                "classifications": [
                    {
                        "id": "cls_invoice",
                        "type": "invoice",
                        "description": "An invoice",
                        "keywords": ["invoice number"],
                    },
                    {"id": "cls_other", "type": "other", "description": "Anything else"},
                ]
            }
        },
        "next": [{"step": "read", "classificationId": "cls_invoice"}],
    },
    {"name": "read", "type": "EXTRACT", "config": {"extractorConfig": {"schema": SCHEMA}}, "next": [{"step": "check"}]},
    {
        "name": "check",
        "type": "RULE_VALIDATION",
        "config": {"rules": [{"name": "total below 10,000", "formula": "read.total < 10000"}]},
    },
]


@dataclass(frozen=True, slots=True)
class Client:
    """What the documentation's examples do."""

    base_url: str
    key: str

    def call(self, method: str, path: str, expect: int = 200, **settings: Any) -> Json:
        """Return the JSON of an answer. Raises DemoFailed for another status than expected."""
        sent = {"Authorization": f"Bearer {self.key}"}
        answer = requests.request(method, f"{self.base_url}{path}", headers=sent, timeout=60, **settings)
        if answer.status_code != expect:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}, not {expect}: {answer.text[:300]}")
        told: Json = answer.json()
        return told

    def settled(self, batch_id: str, total: int) -> Json:
        """Return a batch's counts once all of its runs are settled."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            counts: Json = self.call("GET", f"/workflow_runs/batch/{batch_id}")["batch"]["counts"]
            must(sum(counts.values()) == total, f"the counts do not add up to {total}: {counts}")
            if not counts.get("PENDING") and not counts.get("PROCESSING"):
                return {status: count for status, count in counts.items() if count}
            must(time.monotonic() < until, f"the runs did not end within {PATIENCE_SECONDS} s: {counts}")
            time.sleep(0.1)


@contextmanager
def documents() -> Iterator[str]:
    """Serve the invoices on loopback; yield their URL."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=INVOICES))
    threading.Thread(target=server.serve_forever, name="documents", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def runs(running: Json) -> None:
    """Show it against a stack (what stack.json holds)."""
    client = Client(running["base_url"], running["api_keys"]["pro"])
    print("\n10. Workflow runs: documents that are fetched, uploaded and sent, through five steps")
    workflow_id: str = client.call("POST", "/workflows", json={"name": "Invoices in", "steps": STEPS})["workflow"]["id"]
    version = client.call("POST", f"/workflows/{workflow_id}/versions", json={})
    print(f"   workflow {workflow_id} deployed as version {version['workflowVersion']['version']}")
    with receiver() as hook, documents() as url:
        endpoint = _subscribed(client, workflow_id, hook)
        with (INVOICES / "bolt.txt").open("rb") as file:
            uploaded = client.call("POST", "/files/upload", files={"file": ("bolt.txt", file, "text/plain")})["file"]
        inputs = [
            {"file": {"fileUrl": f"{url}/acme.html"}, "metadata": {"order": 1}},
            {"file": {"fileId": uploaded["id"]}, "metadata": {"order": 2}},
            {"rawText": (INVOICES / "coffee.txt").read_text(), "metadata": {"order": 3}},
        ]
        batch_id = client.call("POST", "/workflow_runs/batch", json={"workflowId": workflow_id, "inputs": inputs})[
            "batchId"
        ]
        print(f"   {batch_id}: {json.dumps(client.settled(batch_id, len(inputs)))}")
        told = [_verified(hook, endpoint["signingSecret"]) for _ in inputs]
        told.sort(key=lambda event: event["payload"]["metadata"]["order"])
        for event in told:
            run = event["payload"]
            values = {output["type"]: output["output"] for output in run["outputs"]}
            kind, found = values["CLASSIFY"]["type"], values.get("EXTRACT", {}).get("value")
            print(f"   {event['eventType']}: {run['files'][0]['name']} is {kind}: {json.dumps(found)}")
        must(
            [run["payload"]["status"] for run in told] == ["PROCESSED", "NEEDS_REVIEW", "PROCESSED"],
            "a run ended otherwise",
        )
        must(told[0]["payload"]["outputs"][1]["output"]["value"]["total"] == 550.5, "the total is wrong")
        waiting = told[1]["payload"]["id"]
        approved = client.call("POST", f"/workflow_runs/{waiting}/review", json={"decision": "approve"})
        must(approved["workflowRun"]["status"] == "PROCESSED", "a review did not end the run")
        event = _verified(hook, endpoint["signingSecret"])
        print(f"   reviewed, then {event['eventType']}; x-extend-request-signature verified each time")
        client.call("DELETE", f"/webhook_endpoints/{endpoint['id']}")
    _bulk(client, running["workflow_id"])


def _subscribed(client: Client, workflow_id: str, hook: Receiver) -> Json:
    body = {"url": hook.url, "name": "Demo", "enabledEvents": [], "apiVersion": "2025-04-21"}
    endpoint: Json = client.call("POST", "/webhook_endpoints", json=body)["webhookEndpoint"]
    body = {
        "webhookEndpointId": endpoint["id"],
        "resourceType": "workflow",
        "resourceId": workflow_id,
        "enabledEvents": ["workflow_run.completed", "workflow_run.needs_review"],
    }
    client.call("POST", "/webhook_subscriptions", json=body)
    return endpoint


def _verified(hook: Receiver, secret: str) -> Json:
    try:
        received = hook.arrivals.get(timeout=PATIENCE_SECONDS)
    except queue.Empty:
        raise DemoFailed(f"no webhook arrived within {PATIENCE_SECONDS} s") from None
    signed = f"v0:{received.headers['x-extend-request-timestamp']}:".encode() + received.body
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    must(hmac.compare_digest(signature, received.headers["x-extend-request-signature"]), "the signature is wrong")
    event: Json = json.loads(received.body)
    return event


def _bulk(client: Client, workflow_id: str) -> None:
    print(f"\n11. {TOTAL} texts in one request, listed by their batch")
    inputs = [{"rawText": f"Invoice Number: INV-{n}\nTotal: ${n}.00", "metadata": {"n": n}} for n in range(TOTAL)]
    started = time.monotonic()
    batch_id = client.call("POST", "/workflow_runs/batch", json={"workflowId": workflow_id, "inputs": inputs})[
        "batchId"
    ]
    accepted = time.monotonic() - started
    counts = client.settled(batch_id, TOTAL)
    print(f"   accepted in {accepted:.2f} s, settled in {time.monotonic() - started:.2f} s: {json.dumps(counts)}")
    must(counts == {"PROCESSED": TOTAL}, "a run ended otherwise")
    found: set[str] = set()
    query = {"batchId": batch_id, "maxPageSize": "100"}
    while True:
        page = client.call("GET", "/workflow_runs", params=query)
        found |= {each["id"] for each in page["workflowRuns"]}
        if "nextPageToken" not in page:
            break
        query["nextPageToken"] = page["nextPageToken"]
    must(len(found) == TOTAL, f"the list shows {len(found)} runs, not {TOTAL}")
    print(f"   {len(found)} runs listed, page by page")
