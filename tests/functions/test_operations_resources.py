"""operations_resources over moto: every root called directly, as API Gateway does."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from fakes.clock import FakeClock
from functions.loading import load_function
from resource_world import PNG

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.domain.operation import ROOTS, scope_of
from batchwork.domain.target import Target
from batchwork.domain.usage import month_of
from batchwork.domain.workspace import ApiKey, Workspace, digest_of

HOST = "abc123.execute-api.us-east-1.amazonaws.com"
NOW = datetime(2026, 4, 9, 12, 0, 15, tzinfo=UTC)
_requests = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> Any:
        return self.body["error"]["code"]


class Api:
    """Calls the function. Every workspace has one key."""

    def __init__(self, table: str, clock: FakeClock) -> None:
        self.table, self.clock = table, clock
        self.key = self.a_key("acme")
        self.function: ModuleType = load_function("operations_resources")

    def a_key(self, workspace: str, *scopes: str, targets: dict[str, Target] | None = None) -> str:
        identities = DynamoIdentities(self.table)
        identities.put_workspace(
            Workspace(id=workspace, name="Acme", plan="pro", created_at=NOW, targets=targets or {})
        )
        key = ApiKey(
            id=f"k{next(_requests)}",
            workspace_id=workspace,
            name="CI",
            digest=digest_of("secret"),
            scopes=frozenset(scopes or ("*",)),
            created_at=NOW,
        )
        identities.put_key(key)
        return f"{key.public}.secret"

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        query: dict[str, str] | None = None,
        named: str | None = None,
    ) -> Answer:
        """named: sent as Idempotency-Key."""
        root = next((each for each in ROOTS if path.startswith(f"{each}/")), None)
        key = self.key if key is None else key
        event = {
            "httpMethod": method,
            "resource": path if root is None else f"{root}/{{proxy+}}",
            "path": path,
            "headers": {"Host": HOST, "Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {key}"} if key else {})
            | ({} if named is None else {"Idempotency-Key": named}),
            "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
            "pathParameters": None if root is None else {"proxy": path.removeprefix(f"{root}/")},
            "requestContext": {
                "path": f"/live{path}",
                "stage": "live",
                "domainName": HOST,
                "requestId": f"request-{next(_requests)}",
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.function.handler(json.loads(json.dumps(event)), None)
        return Answer(answer["statusCode"], answer["body"], answer["headers"])

    def an_account(self, platform: str = "twitter", code: str = "granted") -> str:
        state = self.call("POST", f"/v1/accounts/connect/{platform}", {}).body["state"]
        made = self.call("POST", f"/v1/accounts/callback/{platform}", {"code": code, "state": state})
        account_id: str = made.body["account"]["id"]
        return account_id


@pytest.fixture
def api(table: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Api:
    clock = FakeClock(NOW)
    now: Callable[[SystemClock], datetime] = lambda _: clock.now()  # noqa: E731 -- a method of a class
    monkeypatch.setattr(SystemClock, "now", now)
    settings = {
        "TABLE_NAME": table,
        "BUCKET_NAME": bucket,
        "DELIVERY_QUEUE_URL": aws.client("sqs").create_queue(QueueName="delivery")["QueueUrl"],
        "ALLOW_LOOPBACK_EGRESS": "false",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Api(table, clock)


def test_a_post_goes_the_whole_way(api: Api) -> None:
    account = api.an_account()
    made = api.call("POST", "/v1/posts", {"content": "Hello from batch!", "accountIds": [account]})
    assert (made.status, made.body["status"]) == (201, "draft")
    path = f"/v1/posts/{made.body['id']}"
    assert api.call("PATCH", path, {"content": "Hello, world"}).body["content"] == "Hello, world"
    published = api.call("POST", f"{path}/publish")
    assert (published.status, published.body["status"]) == (200, "published")
    assert published.body["platforms"][0]["platformPostUrl"].startswith("https://twitter.example/granted/")
    assert api.call("GET", path).body == published.body
    assert api.call("GET", "/v1/posts", query={"status": "PUBLISHED"}).body["data"] == [published.body]
    gone = api.call("DELETE", path)
    assert (gone.status, gone.text) == (204, "")
    assert api.call("GET", path).status == 404


def test_a_post_that_a_network_refuses_is_partial_and_can_be_fixed_by_nobody_but_the_network(api: Api) -> None:
    accounts = [api.an_account(), api.an_account("linkedin", "refused_one")]
    post = api.call("POST", "/v1/posts", {"content": "Hello", "accountIds": accounts}).body
    published = api.call("POST", f"/v1/posts/{post['id']}/publish").body
    assert published["status"] == "partial"
    assert published["platforms"][1]["error"]["code"] == "TOKEN_REVOKED"
    retried = api.call("POST", f"/v1/posts/{post['id']}/retry").body
    assert (retried["status"], len(retried["retriedPlatforms"])) == ("partial", 1)


def test_a_file_goes_the_whole_way(api: Api, bucket: str) -> None:
    told = {"filename": "a.png", "contentType": "image/png", "sizeBytes": len(PNG)}
    announced = api.call("POST", "/v1/media/upload", told)
    assert announced.status == 201
    media_id = announced.body["mediaId"]
    assert api.call("GET", f"/v1/media/{media_id}").body["status"] == "pending"
    aws.client("s3").put_object(Bucket=bucket, Key=f"media/acme/{media_id}", Body=PNG, ContentType="image/png")
    shown = api.call("GET", f"/v1/media/{media_id}").body
    assert (shown["status"], shown["dimensions"]) == ("ready", {"width": 3, "height": 2})
    assert media_id in shown["url"]
    post = {"content": "Look", "accountIds": [api.an_account("instagram")], "media": [media_id]}
    made = api.call("POST", "/v1/posts", post).body
    assert (made["media"][0]["type"], media_id in made["media"][0]["url"]) == ("image", True)
    assert api.call("POST", f"/v1/posts/{made['id']}/publish").body["status"] == "published"
    assert api.call("DELETE", f"/v1/media/{media_id}").status == 204
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=bucket)


def test_an_account_goes_the_whole_way(api: Api) -> None:
    account = api.an_account("facebook")
    assert api.call("POST", f"/v1/accounts/{account}/test").body["success"] is True
    page = api.call("POST", f"/v1/accounts/{account}/test").body["details"]["pages"][0]["id"]
    assert api.call("POST", f"/v1/accounts/{account}/select-page", {"pageId": page}).body == {"success": True}
    assert api.call("DELETE", f"/v1/accounts/{account}").status == 204
    assert api.call("GET", "/v1/accounts").body["data"] == []
    assert api.call("GET", f"/v1/accounts/{account}").body["status"] == "disconnected"


def test_a_webhook_is_served_too(api: Api) -> None:
    body = {"url": "https://hooks.example.com/x", "events": ["post.created"]}
    made = api.call("POST", "/v1/webhooks", body)
    assert (made.status, made.body["url"]) == (201, body["url"])
    assert api.call("GET", f"/v1/webhooks/{made.body['id']}").status == 200
    assert api.call("POST", "/v1/webhooks", {**body, "url": "http://127.0.0.1/"}).status == 400


def test_queued_posts_take_an_hour_each(api: Api) -> None:
    body = {"content": "Hello", "accountIds": [api.an_account()], "queue": True}
    times = [api.call("POST", "/v1/posts", body).body["scheduledFor"] for _ in range(2)]
    assert times == ["2026-04-09T13:00:00.000Z", "2026-04-09T14:00:00.000Z"]


def test_a_disconnected_account_gets_no_post_though_it_was_read_a_moment_ago(api: Api) -> None:
    account = api.an_account()
    body = {"content": "Hello", "accountIds": [account]}
    assert api.call("POST", "/v1/posts", body).status == 201
    api.call("DELETE", f"/v1/accounts/{account}")
    refused = api.call("POST", "/v1/posts", body)
    assert (refused.status, refused.code) == (400, "ACCOUNT_NOT_FOUND")


# ── who calls ──


@pytest.mark.parametrize("root", ROOTS)
def test_without_a_key_nothing_is_told(api: Api, root: str) -> None:
    for key in ("", "bw_acme_none.secret"):
        refused = api.call("GET", root, key=key)
        assert (refused.status, refused.code) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_root_has_a_scope_to_read_and_one_to_write(api: Api, root: str, method: str) -> None:
    others = {scope_of(verb, each) for each in ROOTS for verb in ("GET", "POST")} - {scope_of(method, root)}
    refused = api.call(method, root, {}, key=api.a_key("acme", *others))
    assert (refused.status, refused.code) == (403, "AUTHORIZATION_ERROR")
    assert refused.body["error"]["details"] == {"requiredScope": scope_of(method, root)}
    assert api.call(method, root, {}, key=api.a_key("acme", scope_of(method, root))).status in {200, 400, 404}


def test_another_workspace_finds_nothing(api: Api) -> None:
    account = api.an_account()
    post = api.call("POST", "/v1/posts", {"content": "Hello", "accountIds": [account]}).body["id"]
    other = api.a_key("other")
    for path in (f"/v1/posts/{post}", f"/v1/accounts/{account}"):
        assert api.call("GET", path, key=other).code == "NOT_FOUND"
        assert api.call("DELETE", path, key=other).code == "NOT_FOUND"
    assert api.call("GET", "/v1/posts", key=other).body["data"] == []
    assert api.call("GET", f"/v1/posts/{post}").status == 200


def test_who_calls_is_told_in_the_npm_clients_words(api: Api) -> None:
    me = api.call("GET", "/v1/auth/me")
    assert (me.status, me.body) == (200, {"workspaceId": "acme", "workspaceName": "Acme", "plan": "PRO"})
    assert api.call("GET", "/v1/auth/me", key="").status == 401


def test_anybody_is_told_that_somebody_answers(api: Api) -> None:
    healthy = api.call("GET", "/v1/health", key="")
    assert (healthy.status, healthy.body) == (200, {"status": "ok"})


def test_a_path_that_only_ends_like_that_of_health_is_none(api: Api) -> None:
    assert api.call("GET", "/v1/posts/v1/health", key="").status == 401


def test_every_answer_tells_the_limits_and_the_request(api: Api) -> None:
    for answer in (api.call("GET", "/v1/posts"), api.call("GET", "/v1/posts/none"), api.call("PUT", "/v1/posts")):
        assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Request-Id"} <= set(
            answer.headers
        )
        assert int(answer.headers["X-RateLimit-Reset"]) > NOW.timestamp()


def test_a_direct_call_costs_no_units(api: Api) -> None:
    api.call("POST", "/v1/posts", {"content": "Hello", "accountIds": [api.an_account()]})
    assert DynamoUsage(api.table).used("acme", month_of(NOW)) == 0


# ── Idempotency-Key ──


def test_the_same_key_makes_one_post_and_answers_the_same_bytes(api: Api) -> None:
    body = {"content": "Hello", "accountIds": [api.an_account()]}
    first = api.call("POST", "/v1/posts", body, named="k-1")
    second = api.call("POST", "/v1/posts", body, named="k-1")
    assert (first.status, first.text) == (second.status, second.text)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(api.call("GET", "/v1/posts").body["data"]) == 1
    bad = api.call("POST", "/v1/posts", body, named="no key!")
    assert (bad.status, bad.code) == (400, "IDEMPOTENCY_INVALID_KEY")


# ── targets ──


def test_a_workspaces_target_goes_before_our_own_resources(api: Api) -> None:
    key = api.a_key("fronted", targets={"/v1/posts": Target("https://127.0.0.1:1/api")})
    refused = api.call("GET", "/v1/posts", key=key)
    assert (refused.status, refused.code) == (502, "BAD_GATEWAY")
    assert api.call("GET", "/v1/accounts", key=key).status == 200


# ── the bucket ──


def uploaded(bucket: str, key: str) -> dict[str, Any]:
    """EventBridge's event of S3's "Object Created", cut to what stands in it."""
    return {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 29, "etag": "x"}},
    }


def test_the_buckets_event_makes_a_file_ready(api: Api, bucket: str) -> None:
    told = {"filename": "a.png", "contentType": "image/png", "sizeBytes": len(PNG)}
    media_id = api.call("POST", "/v1/media/upload", told).body["mediaId"]
    aws.client("s3").put_object(Bucket=bucket, Key=f"media/acme/{media_id}", Body=PNG)
    function = load_function("media_uploaded")
    assert function.handler(uploaded(bucket, f"media/acme/{media_id}"), None) == {"known": True}
    assert api.call("GET", "/v1/media", query={"status": "READY"}).body["data"][0]["id"] == media_id


@pytest.mark.parametrize("key", ["media/acme/media_cnone", "media/acme/a/b", "files/acme/x"])
def test_the_buckets_event_of_no_file_of_ours_changes_nothing(api: Api, bucket: str, key: str) -> None:
    function = load_function("media_uploaded")
    function.handler(uploaded(bucket, key), None)
    assert api.call("GET", "/v1/media").body["data"] == []


def test_nothing_of_a_posts_content_reaches_the_log(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    account = api.an_account()
    body = {"content": "a secret plan", "accountIds": [account], "metadata": {"plan": "also secret"}}
    post = api.call("POST", "/v1/posts", body).body["id"]
    api.call("POST", f"/v1/posts/{post}/publish")
    api.call("POST", "/v1/posts", {"content": "a secret plan", "accountIds": ["a secret account"]})
    logged = capsys.readouterr().out
    assert logged.count("\n") >= 4
    assert "secret plan" not in logged
    assert "secret account" not in logged
    assert "also secret" not in logged
