"""The messages family in the demo: a batch, a larger one, a cancelled one, and their webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
from standardwebhooks import Webhook

from local.demo_checks import DemoFailed, must
from local.receiver import Received, receiver

SECRET = "your-webhook-secret"  # noqa: S105 -- the seed document's example
QUESTIONS = (
    "What are your business hours?",
    "How do I return a product?",
    "How long does shipping take?",
    "What does the warranty cover?",
    "Which payment methods do you accept?",
)
UNKNOWN = "00000000-0000-4000-8000-000000000000"
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Client:
    """What the seed document's examples do, in a few lines."""

    base_url: str
    key: str

    def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        """Return the whole answer. Raises DemoFailed for another status than expected."""
        answer = requests.request(
            method, f"{self.base_url}/api/v1{path}", json=body, headers={"x-api-key": self.key}, timeout=30
        )
        if answer.status_code != expect:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}, not {expect}: {answer.text[:300]}")
        return answer.json()

    def submit(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a batch."""
        batch: dict[str, Any] = self.call("POST", "/batches", body, expect=202)["data"]
        return batch

    def watch(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """Yield the batch each time its counts or status changed, the last time when it ended."""
        seen = None
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            batch = self.call("GET", f"/batches/{batch_id}")["data"]
            now = batch["status"], batch["completed_requests"], batch["failed_requests"]
            if now != seen:
                yield batch
            if batch["status"] in {"completed", "failed", "cancelled"}:
                return
            seen = now
            time.sleep(0.1)
        raise DemoFailed(f"batch {batch_id} did not end within {PATIENCE_SECONDS} s: {seen}")

    def results(self, batch_id: str, limit: int) -> list[dict[str, Any]]:
        """Return every result, following next_page."""
        page = self.call("GET", f"/batches/{batch_id}/results?limit={limit}")
        found: list[dict[str, Any]] = page["data"]
        while following := page["pagination"]["next_page"]:
            page = self.call("GET", following.removeprefix(f"{self.base_url}/api/v1"))
            found += page["data"]
        return found


def messages(running: dict[str, Any]) -> None:
    """Show it against a stack (what stack.json holds)."""
    client, agent_id = Client(running["base_url"], running["api_keys"]["pro"]), running["agent_id"]
    with receiver() as hook:
        webhook = {"url": hook.url, "events": ["completed", "failed", "cancelled"], "secret": SECRET}
        _two_questions(client, agent_id, webhook)
        _webhook(_arrival(hook.arrivals), "batch.completed")
        _a_hundred(client, agent_id, webhook)
        _webhook(_arrival(hook.arrivals), "batch.completed")
        _cancel(client, agent_id, webhook)
        _webhook(_arrival(hook.arrivals), "batch.cancelled")


def _two_questions(client: Client, agent_id: str, webhook: dict[str, Any]) -> None:
    print("\n1. The documentation's own batch: two questions to an agent that knows a small FAQ")
    batch = client.submit(
        {
            "agent_id": agent_id,
            "requests": [
                {"custom_id": "req-001", "message": QUESTIONS[0], "external_user_id": "user_123"},
                {"custom_id": "req-002", "message": QUESTIONS[1], "external_user_id": "user_456"},
            ],
            "webhook": webhook,
        }
    )
    print(f"   202 Accepted: batch {batch['id']} is {batch['status']}")
    _follow(client, batch["id"], "completed", completed=2)
    answers = client.results(batch["id"], limit=50)
    for result in answers:
        print(f"   {result['custom_id']} {result['status']}: {str(result['response_content']).splitlines()[0][:110]}")
    must("9 AM to 6 PM" in answers[0]["response_content"], "the business hours are wrong")
    must("prepaid label" in answers[1]["response_content"], "the answer on returns is wrong")


def _a_hundred(client: Client, agent_id: str, webhook: dict[str, Any]) -> None:
    print("\n2. A hundred questions, progress as it goes, results in pages of 40")
    questions = [
        {"custom_id": f"q-{number:03}", "message": QUESTIONS[number % len(QUESTIONS)]} for number in range(100)
    ]
    batch = client.submit({"agent_id": agent_id, "requests": questions, "webhook": webhook})
    _follow(client, batch["id"], "completed", completed=100)
    results = client.results(batch["id"], limit=40)
    must([each["custom_id"] for each in results] == [each["custom_id"] for each in questions], "results out of order")
    print(f"   {len(results)} results in input order, over 3 pages")


def _cancel(client: Client, agent_id: str, webhook: dict[str, Any]) -> None:
    print("\n3. Two batches of a thousand, the second cancelled while it waits for the first")
    client.call("POST", f"/batches/{UNKNOWN}/cancel", expect=404)
    print("   404 Not Found for a batch that nobody knows")
    questions = [{"custom_id": f"q-{number}", "message": QUESTIONS[0]} for number in range(1000)]
    client.submit({"agent_id": agent_id, "requests": questions})
    batch = client.submit({"agent_id": agent_id, "requests": questions, "webhook": webhook})
    started = time.monotonic()
    answer = client.call("POST", f"/batches/{batch['id']}/cancel", expect=202)["data"]
    print(f"   202 Accepted: {answer['status']}")
    ended = _follow(client, batch["id"], "cancelled")
    must(ended["completed_requests"] + ended["failed_requests"] == 1000, "the counts do not add up")
    print(
        f"   cancelled after {time.monotonic() - started:.1f} s: {ended['completed_requests']} had been answered, "
        f"{ended['failed_requests']} ended as 499"
    )


def _follow(client: Client, batch_id: str, wanted: str, completed: int | None = None) -> dict[str, Any]:
    batch: dict[str, Any] = {}
    for batch in client.watch(batch_id):
        print(f"   {batch['status']}: {batch['completed_requests']} completed, {batch['failed_requests']} failed")
    must(batch["status"] == wanted, f"the batch is {batch['status']}, not {wanted}")
    must(completed in {None, batch["completed_requests"]}, f"{batch['completed_requests']} completed, not {completed}")
    return batch


def _arrival(arrivals: queue.Queue[Received]) -> Received:
    try:
        return arrivals.get(timeout=PATIENCE_SECONDS)
    except queue.Empty:
        raise DemoFailed(f"no webhook arrived within {PATIENCE_SECONDS} s") from None


def _webhook(received: Received, event: str) -> None:
    signed = received.headers["x-codeer-timestamp"].encode() + b"." + received.body
    expected = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    must(hmac.compare_digest(expected, received.headers["x-codeer-signature"]), "X-Codeer-Signature is wrong")
    Webhook(SECRET.encode()).verify(received.body.decode(), received.headers)
    payload = json.loads(received.body)
    must(payload["event"] == event, f"the webhook tells of {payload['event']}, not {event}")
    print(f"   webhook {payload['event']}: X-Codeer-Signature and Standard Webhooks signature verified")
