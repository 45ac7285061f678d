"""What the operations family answers, over stores in memory, is documented; and what is documented is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from desk import make
from unit.openapi.counter import GONE, HOOK, Counter, documented, example_of, fits
from unit.webhooks.deliveries import a_told_delivery

from batchwork.domain.batch import BatchRef
from batchwork.domain.operation import MAX_BODY, root_of
from batchwork.domain.webhook import MAX_INLINE
from batchwork.edge.endpoint import BODY_LIMIT

AT = datetime(2026, 4, 9, 12, tzinfo=UTC)


def posts(counter: Counter) -> None:
    world = counter.world
    world.an_account(id="acc_123")
    made = counter("post", "/v1/posts", example_of("post", "/v1/posts"))
    assert made["status"] == "draft"
    one = {"id": made["id"]}
    later = f"{AT + timedelta(days=400):%Y-%m-%dT%H:%M:%SZ}"
    photo = world.a_file()
    rich = {
        **example_of("post", "/v1/posts"),
        "scheduledFor": later,
        "contentType": "IMAGE",
        "media": [photo],
        "tags": ["spring"],
        "personaId": "p1",
        "platformOverrides": {"TWITTER": {"content": "Hi"}},
        "platformMetadata": {"TWITTER": {"x": 1}},
        "firstComment": "First!",
        "firstCommentDelay": 5,
        "metadata": {"campaign": "spring"},
    }
    scheduled = counter("post", "/v1/posts", rich)
    assert (scheduled["status"], scheduled["tags"]) == ("scheduled", ["spring"])
    for query in ({}, {"limit": "1"}, {"status": "SCHEDULED", "platform": "TWITTER", "offset": "0"}):
        assert counter("get", "/v1/posts", query=query)["data"]
    counter("get", "/v1/posts/{id}", id=scheduled["id"])
    counter("get", "/v1/posts/{id}", id="post_none")
    counter("get", "/v1/posts/{id}", id="no-id")
    counter("patch", "/v1/posts/{id}", {"scheduledFor": later}, **one)
    counter("patch", "/v1/posts/{id}", {"metadata": {"campaign": "x" * 1_001}}, **one)
    counter("post", "/v1/posts/{id}/cancel", id=scheduled["id"])
    counter("post", "/v1/posts/{id}/cancel", id=scheduled["id"])
    counter("post", "/v1/posts/{id}/clone", **one)
    assert counter("post", "/v1/posts/{id}/publish", **one)["status"] == "published"
    counter("post", "/v1/posts/{id}/publish", **one)
    counter("patch", "/v1/posts/{id}", {"content": "x"}, **one)
    assert not counter("post", "/v1/posts/validate", {"content": "x" * 300})["valid"]
    counter("post", "/v1/posts/validate", example_of("post", "/v1/posts/validate"))
    bulk = counter("post", "/v1/posts/bulk", example_of("post", "/v1/posts/bulk"))
    assert (bulk["created"], bulk["failed"]) == (1, 1)
    counter("post", "/v1/posts/bulk", {**example_of("post", "/v1/posts/bulk"), "dry_run": True})
    refused(counter)
    counter("delete", "/v1/posts/{id}", **one)
    counter("delete", "/v1/posts/{id}", **one)


def refused(counter: Counter) -> None:
    """Publish what networks refuse, and try it again."""
    world = counter.world
    names = [world.an_account(username=f"refused_{number}") for number in range(2)]
    world.networks.refusing |= {"refused_0", "refused_1"}
    failed = counter("post", "/v1/posts", {"content": "x", "accountIds": names})
    ended = counter("post", "/v1/posts/{id}/publish", id=failed["id"])
    assert ended["status"] == "failed"
    parts = [part["postPlatformId"] for part in ended["platforms"]]
    fix = "/v1/posts/{id}/platforms/{part_id}/fix"
    assert not counter("post", fix, id=failed["id"], part_id=parts[0])["success"]
    counter("post", fix, {"mediaUrl": "https://example.com/a.png"}, id=failed["id"], part_id=parts[0])
    world.networks.refusing.clear()
    assert counter("post", fix, example_of("post", fix), id=failed["id"], part_id=parts[0])["success"]
    retried = counter("post", "/v1/posts/{id}/retry", id=failed["id"])
    assert [len(retried[name]) for name in ("retriedPlatforms", "skippedPlatforms")] == [1, 1]
    counter("post", "/v1/posts/{id}/retry", id=failed["id"])


def accounts(counter: Counter) -> None:
    begin = "/v1/accounts/connect/{platform}"
    for platform in ("twitter", "FACEBOOK"):
        counter("post", begin, platform=platform)
    counter("post", begin, platform="orkut")
    counter("post", "/v1/accounts/connect", example_of("post", "/v1/accounts/connect"))
    begun = counter("post", begin, example_of("post", begin), platform="facebook")
    granted = {"code": "acme", "state": begun["state"]}
    made = counter("post", "/v1/accounts/callback/{platform}", granted, platform="facebook")["account"]
    counter("post", "/v1/accounts/callback/{platform}", granted, platform="facebook")
    one = {"id": made["id"]}
    for query in ({}, {"status": "all"}, {"platform": "FACEBOOK", "includeArchived": "true"}):
        assert counter("get", "/v1/accounts", query=query)["data"]
    counter("get", "/v1/accounts", query={"limit": "0"})
    counter("get", "/v1/accounts/{id}", **one)
    select = "/v1/accounts/{id}/select-page"
    counter("post", select, {"pageId": "page_1"}, **one)
    assert counter("post", "/v1/accounts/{id}/test", **one)["details"]["pages"]
    counter("post", "/v1/accounts/{id}/refresh", **one)
    counter("post", select, {"pageId": "page_1"}, **one)
    counter("post", select, {"pageId": "page_9"}, **one)
    counter.world.networks.refusing.add("acme")
    assert counter("post", "/v1/accounts/{id}/test", **one)["details"] is None
    counter("delete", "/v1/accounts/{id}", **one)
    counter("post", "/v1/accounts/{id}/refresh", **one)


def files(counter: Counter) -> None:
    upload = counter("post", "/v1/media/upload", example_of("post", "/v1/media/upload"))
    counter("post", "/v1/media/upload", {"filename": "a.exe", "contentType": "application/x-dosexec", "sizeBytes": 1})
    one = {"id": upload["mediaId"]}
    counter("post", "/v1/media/{id}/refresh-presign", **one)
    assert counter("get", "/v1/media/{id}", **one)["url"] is None
    ready = counter.world.a_file()
    assert counter("get", "/v1/media/{id}", id=ready)["dimensions"] == {"width": 3, "height": 2}
    counter("post", "/v1/media/{id}/refresh-presign", id=ready)
    for query in ({}, {"status": "READY"}):
        assert counter("get", "/v1/media", query=query)["data"]
    counter("delete", "/v1/media/{id}", **one)
    counter("delete", "/v1/media/{id}", **one)


def webhooks(counter: Counter) -> None:
    made = counter("post", "/v1/webhooks", example_of("post", "/v1/webhooks"))
    counter("post", "/v1/webhooks", {"url": "http://10.0.0.1", "events": ["post.created"]})
    one = {"id": made["id"]}
    assert "secret" not in counter("get", "/v1/webhooks/{id}", **one)
    assert counter("get", "/v1/webhooks")["webhooks"][0]["active"]
    assert counter("post", "/v1/webhooks/test", {"webhookId": made["id"]})["data"]["success"]
    counter.egress.receivers[HOOK] = _hangs
    assert not counter("post", "/v1/webhooks/test", {"webhookId": made["id"]})["data"]["success"]
    counter("post", "/v1/webhooks/test", {})
    deliveries(counter, one)
    counter("post", "/v1/webhooks/{id}/rotate-secret", {"overlapSeconds": 3600}, **one)
    counter("post", "/v1/webhooks/{id}/rotate-secret", **one)
    counter("post", "/v1/webhooks/{id}/rotate-secret", {"overlapSeconds": -1}, **one)
    changed = counter("patch", "/v1/webhooks/{id}", example_of("patch", "/v1/webhooks/{id}"), **one)
    assert not changed["enabled"]
    counter("patch", "/v1/webhooks/{id}", {}, **one)
    counter("delete", "/v1/webhooks/{id}", **one)
    counter("delete", "/v1/webhooks/{id}", **one)


def deliveries(counter: Counter, one: dict[str, Any]) -> None:
    log, again = "/v1/webhooks/{id}/deliveries", "/v1/webhooks/{id}/deliveries/{deliveryId}/replay"
    for query in ({}, {"limit": "1"}, {"status": "FAILED", "since": "2020-01-01T00:00:00Z"}):
        assert counter("get", log, query=query, **one)["data"]
    counter("get", log, query={"since": "yesterday"}, **one)
    failed = counter("get", log, query={"status": "failed"}, **one)["data"][0]
    assert counter("get", f"{log}/{{deliveryId}}", deliveryId=failed["id"], **one)["body"]
    counter("get", f"{log}/{{deliveryId}}", deliveryId="none", **one)
    replayed = counter("post", again, deliveryId=failed["id"], **one)
    assert replayed["replayOf"] == failed["id"]
    assert counter("post", again, deliveryId=replayed["id"], **one)["id"] == replayed["id"]
    recover = "/v1/webhooks/{id}/recover"
    assert counter("post", recover, {"since": "2020-01-01T00:00:00Z"}, **one)["webhookId"] == one["id"]
    counter("post", recover, {"since": "yesterday"}, **one)
    large = a_told_delivery(endpoint=counter.endpoints.get("acme", one["id"]), body=b"x" * (MAX_INLINE + 1))
    counter.deliveries.put(large)
    assert counter("get", f"{log}/{{deliveryId}}", deliveryId=large.id, **one)["bodyUrl"]


def _hangs(_: Any) -> Any:
    raise TimeoutError("it did not answer")


def batches(counter: Counter) -> None:
    body = {"operations": [make("a"), GONE, {**make("b"), "dependsOn": ["delete-old"]}]}
    for path in ("/v1/batch", "/v1/batch/transaction", "/v1/batch/dry-run", "/v1/batch/async"):
        counter.batch("post", path, body)
        counter.batch("post", path, body, headers={"Idempotency-Key": "k1"})
        counter.batch("post", path, body, headers={"Idempotency-Key": "k1"})
        if path != "/v1/batch/dry-run":
            counter.batch("post", path, {"operations": [GONE]}, headers={"Idempotency-Key": "k1"})
        counter.batch("post", path, {"operations": []})
        counter.batch("post", path, "{")
        counter.batch("post", path, {"operations": [make("a", "x" * MAX_BODY)]})
        counter.batch("post", path, json.dumps(body) + " " * BODY_LIMIT)
        counter.batch("post", path, "a=b", headers={"content-type": "text/plain"})
        counter.batch("post", path, body, key="bw_acme_k1.wrong")
    for path in ("/v1/batch/limits", "/v1/batch/async", "/v1/auth/me"):
        counter.batch("get", path)
        counter.batch("get", path, key="")
    counter.batch("get", "/v1/batch/async", query={"limit": "0"})
    jobs = "/v1/batch/async/{job_id}"
    for job in counter.batch("get", "/v1/batch/async").body["data"]:
        counter.batch("get", jobs, names={"job_id": job["id"]})
        counter.desk.settle_everything(BatchRef("acme", job["id"]))
    ended = counter.batch("get", "/v1/batch/async", query={"status": "COMPLETED"}).body["data"]
    assert ended[0]["summary"] == {"total": 3, "succeeded": 1, "failed": 1, "skipped": 1}
    shown = counter.batch("get", jobs, names={"job_id": ended[0]["id"]}).body["data"]
    assert [result["status"] for result in shown["results"]] == [201, 404, 424]
    counter.batch("get", jobs, names={"job_id": "clrjob1234567890abc"})
    counter.batch("get", jobs, names={"job_id": "no-id"})
    counter.desk.a_key(monthly_quota=1)
    for path in ("/v1/batch", "/v1/batch/transaction", "/v1/batch/async"):
        assert counter.batch("post", path, body).status == 402


ALL: list[Callable[[Counter], None]] = [posts, accounts, files, webhooks, batches]


@pytest.mark.parametrize("calls", ALL, ids=lambda calls: calls.__name__)
def test_what_is_answered_is_documented(calls: Callable[[Counter], None]) -> None:
    counter = Counter()
    calls(counter)
    assert counter.answered


def test_what_is_documented_is_answered() -> None:
    counter = Counter()
    for calls in ALL:
        calls(counter)
    given = {(verb, path, str(status)) for verb, path, status in counter.answered}
    whole = {
        (verb, path, status)
        for (verb, path), told in documented().items()
        for status in told["responses"]
        if status < "300" and path != "/v1/health"
    }
    assert whole - given == set()


def test_an_answer_that_is_not_documented_is_found() -> None:
    with pytest.raises(AssertionError):
        fits("get", "/v1/batch/limits", 418, "{}")
    with pytest.raises(Exception, match="maxOperations"):
        fits("get", "/v1/batch/limits", 200, "{}")


def test_every_call_of_the_resources_is_documented_and_no_others() -> None:
    told = {call for call in documented() if root_of(call[1]) is not None}
    assert told == {(method.lower(), path) for method, path in Counter().calls}
