"""The operations family in the demo: many calls in one request, on posts that are real and networks that are not."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import time
from dataclasses import dataclass
from typing import Any

import requests

from batchwork.adapters.clock import SystemClock
from local import stack
from local.demo_checks import DemoFailed, must
from local.demo_lookups import Operator
from local.receiver import Receiver, receiver
from local.seed import ACCOUNT, POST, examples

Operation = dict[str, Any]

PATIENCE_SECONDS = 30
#: The seed document's own batch.
DOCUMENTED: list[Operation] = [
    {
        "id": "create-post",
        "method": "POST",
        "path": "/v1/posts",
        "body": {"content": "Hello from batch!", "accountIds": [ACCOUNT]},
    },
    {"id": "delete-old", "method": "DELETE", "path": f"/v1/posts/{POST}"},
]


@dataclass(frozen=True, slots=True)
class Client:
    """What the documentation's examples do."""

    base_url: str
    key: str

    def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        """Return the JSON of an answer. Raises DemoFailed for another status than expected."""
        answer = requests.request(
            method, f"{self.base_url}{path}", json=body, headers={"Authorization": f"Bearer {self.key}"}, timeout=90
        )
        if answer.status_code != expect:
            raise DemoFailed(f"{method} {path} answered {answer.status_code}, not {expect}: {answer.text[:300]}")
        return answer.json() if answer.content else None

    def batch(self, operations: list[Operation], path: str = "/v1/batch", **mode: bool) -> list[Operation]:
        """Send operations, show what came of them and return the results."""
        answer: Operation = self.call("POST", path, {"operations": operations, **mode})
        results: list[Operation] = answer["results"]
        for result in results[:4]:
            print(f"   {result['id']}: {result['status']} {_shortly(result)}".rstrip())
        print(f"   summary: {json.dumps(answer['summary'])}")
        must([each["id"] for each in results] == [each["id"] for each in operations], "results are out of order")
        return results


def operations(running: dict[str, Any]) -> None:
    """Show it against a stack (what stack.json holds)."""
    stack.point_at(running["aws"]["endpoint_url"])
    print("\n5. Operations: the documentation's own batch, and the webhook of the post that it creates")
    table = running["outputs"]["TableName"]
    operator = Operator(table, running["outputs"]["BucketName"])
    workspace = operator.makes("workspace", "create", "Demo social", "--plan", "enterprise")["workspace"]
    examples(table, workspace, SystemClock())
    client = Client(running["base_url"], operator.makes("key", "create", workspace)["api_key"])
    with receiver() as hook:
        _documented(client, hook)
    _fail_fast(client)
    _rehearsed(client)
    _referring(client)
    _parallel(client)
    _later(client)


def _documented(client: Client, hook: Receiver) -> None:
    endpoint = client.call("POST", "/v1/webhooks", {"url": hook.url, "events": ["post.created"]}, expect=201)
    created, deleted = client.batch(DOCUMENTED)
    must((created["status"], deleted["status"]) == (201, 204), "the documentation's example is answered otherwise")
    must(created["body"]["status"] == "draft" and deleted["body"] is None, "a body is not as documented")
    client.call("GET", f"/v1/posts/{POST}", expect=404)
    try:
        received = hook.arrivals.get(timeout=PATIENCE_SECONDS)
    except queue.Empty:
        raise DemoFailed(f"no webhook arrived within {PATIENCE_SECONDS} s") from None
    signature = "sha256=" + hmac.new(endpoint["secret"].encode(), received.body, hashlib.sha256).hexdigest()
    must(hmac.compare_digest(signature, received.headers["x-voxburst-signature"]), "X-VoxBurst-Signature is wrong")
    event = json.loads(received.body)
    must(event["type"] == "post.created" and event["data"]["id"] == created["body"]["id"], "another event was told")
    print(f"   webhook {event['type']} of {event['data']['id']}: X-VoxBurst-Signature verified")
    client.call("DELETE", f"/v1/webhooks/{endpoint['id']}", expect=204)


def _fail_fast(client: Client) -> None:
    print("\n6. A transaction stops at its first failure; a dry run tells what would fail and changes nothing")
    unknown = {"id": "unknown", "method": "DELETE", "path": "/v1/posts/clxnobody1234567"}
    results = client.batch([_creating("first"), unknown, _creating("never")], "/v1/batch/transaction")
    must([each["status"] for each in results] == [201, 404, 424], "a transaction did not stop at its failure")


def _rehearsed(client: Client) -> None:
    before = client.call("GET", "/v1/posts?limit=100")["data"]
    wrong = _creating("no-such-account", account="acc_unknown")
    results = client.batch([_creating("good"), wrong], "/v1/batch/dry-run")
    must([each["status"] for each in results] == [200, 400], "a dry run told something else")
    must(client.call("GET", "/v1/posts?limit=100")["data"] == before, "a dry run changed something")


def _referring(client: Client) -> None:
    print(
        "\n7. An operation refers to the result of another: publish what was just created (recorded here: no network is called)"
    )
    publish = {"id": "publish", "method": "POST", "path": "/v1/posts/{{create.body.id}}/publish"}
    created, published = client.batch([_creating("create"), publish])
    must(published["body"]["id"] == created["body"]["id"], "another post was published")
    must(published["body"]["status"] == "published", f"the post is {published['body']['status']}, not published")


def _parallel(client: Client) -> None:
    print("\n8. A hundred posts in one request, in parallel")
    started = time.monotonic()
    results = client.batch([_creating(f"post-{number:03}") for number in range(100)], parallel=True)
    must({each["status"] for each in results} == {201}, "a post was not created")
    must(len({each["body"]["id"] for each in results}) == 100, "two operations made one post")
    print(f"   in {time.monotonic() - started:.2f} s")


def _later(client: Client) -> None:
    print("\n9. The same hundred as an async job, polled until it ends")
    operations = [_creating(f"post-{number:03}") for number in range(100)]
    job = client.call("POST", "/v1/batch/async", {"operations": operations, "parallel": True}, expect=202)["data"]
    print(f"   202 Accepted: job {job['jobId']} is {job['status']}")
    until, seen = time.monotonic() + PATIENCE_SECONDS, job["status"]
    while seen in {"QUEUED", "PROCESSING"}:
        must(time.monotonic() < until, f"the job did not end within {PATIENCE_SECONDS} s")
        time.sleep(0.1)
        now = client.call("GET", f"/v1/batch/async/{job['jobId']}")["data"]
        if now["status"] != seen:
            seen = now["status"]
            print(f"   {seen}: {json.dumps(now['summary'])}")
    must(seen == "COMPLETED", f"the job is {seen}: {now['error']}")
    must(now["summary"] == {"total": 100, "succeeded": 100, "failed": 0, "skipped": 0}, "the counts are wrong")
    must([each["id"] for each in now["results"]] == [each["id"] for each in operations], "results are out of order")


def _creating(name: str, account: str = ACCOUNT) -> Operation:
    body = {"content": f"{name}: hello from batch!", "accountIds": [account]}
    return {"id": name, "method": "POST", "path": "/v1/posts", "body": body}


def _shortly(result: Operation) -> str:
    body, error = result["body"], result.get("error")
    if error:
        return f"{error['code']}: {error['message']}"
    return f"{body['id']}, {body['status']}" if body else ""
