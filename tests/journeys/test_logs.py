"""Invariant 8: no key, secret, signature or item content reaches a log line or an error body."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import requests

from journeys.client import Client, Stack
from journeys.model import model
from local.limits import client_of
from local.receiver import Receiver, receiver

FUNCTIONS = (
    "completion",
    "lookups-batch",
    "me",
    "media-uploaded",
    "messages-agents",
    "messages-cancel",
    "messages-chats",
    "messages-create",
    "messages-read",
    "messages-worker",
    "operations-batch",
    "operations-resources",
    "operations-worker",
    "resource-events",
    "sweeper",
    "unrouted",
    "webhook-sender",
)


def marked(name: str) -> str:
    """Return a text that stands nowhere else."""
    return f"{name}-{uuid4().hex}"


class Private:
    """Everything that may not be told, in distinctive words. said: what clients or the model put into items."""

    def __init__(self) -> None:
        words = ("message", "answer", "custom-id", "user", "name", "file", "document", "prompt", "broken", "garbage")
        self.said = {word: marked(word) for word in words}
        self.webhook_secret = marked("webhook-secret")
        self.model_key = marked("model-key")
        self.seen: set[str] = set()

    def everything(self, stack: Stack) -> set[str]:
        keys = set(stack["api_keys"].values())
        secrets = {key.rpartition(".")[2] for key in keys}
        return {*self.said.values(), self.webhook_secret, self.model_key, *self.seen, *keys, *secrets}


def logged(stack: Stack) -> dict[str, str]:
    """Return every log group's lines, and the emulator's and the starter's own logs."""
    logs = client_of(stack, "logs")
    texts: dict[str, str] = {}
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        texts[name] = "\n".join(event["message"] for page in pages for event in page["events"])
    for path in Path(stack["directory"]).glob("*.log"):
        texts[path.name] = path.read_text(errors="replace")
    return texts


def complete_logs(stack: Stack) -> dict[str, str]:
    """Return the logs once every function has said something: what logged nothing proves nothing."""
    until = time.monotonic() + 60
    while True:
        texts = logged(stack)
        silent = [name for name in FUNCTIONS if "{" not in texts.get(f"/aws/lambda/batchwork/{name}", "")]
        if not silent:
            return texts
        assert time.monotonic() < until, silent
        time.sleep(1)


def an_agent(client: Client, provider: dict[str, Any], private: Private) -> str:
    asked = {
        "name": "Discreet",
        "system_prompt": private.said["prompt"],
        "provider": provider,
        "documents": [{"title": "Document", "text": private.said["document"]}],
    }
    made = client.ok("POST", "/external/agents", 201, json=asked)["data"]
    client.ok("POST", f"/external/agents/{made['id']}/versions/{made['version']['id']}:publish")
    return str(made["id"])


def what_goes_well(client: Client, agent_id: str, hook: Receiver, private: Private) -> None:
    """Run a batch with a file and a webhook, chat, and cancel."""
    said = private.said
    assert client.call("GET", "/me").status_code == 200
    asked = {"requests": [{said["name"]: said["message"]}, said["user"], {"id": f"\0{said['broken']}"}]}
    looked_up = client.call("POST", "/signals/batch", json=asked, headers={"Idempotency-Key": said["custom-id"]})
    assert looked_up.status_code == 207
    form = {"file": ("notes.txt", said["file"].encode(), "text/plain")}
    file = client.ok("POST", "/chats/upload-file", files=form)["data"]
    private.seen |= set(parse_qs(urlsplit(file["file_url"]).query)["X-Amz-Signature"])
    items = [
        {
            "custom_id": f"{said['custom-id']}-{n}",
            "message": said["message"] if n % 3 else said["broken"],
            "external_user_id": said["user"],
            "name": said["name"],
            "attached_file_uuids": [file["uuid"]] if n % 2 else [],
        }
        for n in range(30)
    ]
    webhook = {"url": hook.url, "secret": private.webhook_secret, "events": ["completed", "cancelled"]}
    batch = client.ok("POST", "/batches", 202, json={"agent_id": agent_id, "requests": items, "webhook": webhook})
    ended = client.wait(batch["data"]["id"])
    assert (ended["completed_requests"], ended["failed_requests"]) == (20, 10)
    rows = client.results(ended["id"])["data"]
    assert rows[1]["response_content"] == said["answer"]
    client.ok("GET", "/batches")
    turn = client.ok("POST", f"/chats/{rows[1]['history_id']}/messages", json={"message": said["message"]})
    assert turn["data"]["response_content"] == said["answer"]
    second = client.ok("POST", "/batches", 202, json={"agent_id": agent_id, "requests": items, "webhook": webhook})
    client.call("POST", f"/batches/{second['data']['id']}/cancel")
    client.wait(second["data"]["id"])
    for _ in range(2):
        headers = hook.arrivals.get(timeout=30).headers
        private.seen |= {headers["x-codeer-signature"].removeprefix("sha256=")}
        private.seen |= {headers["webhook-signature"].removeprefix("v1,")}


def what_operations_do(stack: Stack, client: Client, private: Private) -> list[str]:
    """Run a batch, a job, a webhook and an upload of the operations family; return the bodies of errors."""
    said = private.said

    def call(method: str, path: str, **settings: Any) -> requests.Response:
        return client.session.request(method, f"{stack['base_url']}{path}", timeout=60, **settings)

    create = {
        "id": said["custom-id"],
        "method": "POST",
        "path": "/v1/posts",
        "body": {"content": said["message"], "accountIds": ["acc_123"], "metadata": {"k": said["document"]}},
        "headers": {"X-Custom": said["garbage"], "Authorization": f"Bearer {private.model_key}"},
    }
    keyed = {**create, "id": "keyed", "headers": {"Idempotency-Key": said["user"]}}
    with receiver() as hook:
        webhook = call("POST", "/v1/webhooks", json={"url": hook.url, "events": ["post.created"]}).json()
        private.seen.add(webhook["secret"])
        results = call("POST", "/v1/batch", json={"operations": [create, keyed]}).json()["results"]
        assert [result["status"] for result in results] == [201, 201]
        job = call("POST", "/v1/batch/async", json={"operations": [create]}).json()["data"]["jobId"]
        for _ in range(3):
            private.seen.add(hook.arrivals.get(timeout=30).headers["x-voxburst-signature"].removeprefix("sha256="))
        assert call("GET", f"/v1/batch/async/{job}").status_code == 200
        assert call("DELETE", f"/v1/webhooks/{webhook['id']}").status_code == 204
    content = said["file"].encode()
    announced = {"filename": f"{said['name']}.png", "contentType": "image/png", "sizeBytes": len(content)}
    upload = call("POST", "/v1/media/upload", json=announced).json()
    private.seen |= set(parse_qs(urlsplit(upload["uploadUrl"]).query)["X-Amz-Signature"])
    put = requests.put(upload["uploadUrl"], data=content, headers=upload["uploadHeaders"], timeout=30)
    assert put.status_code == 200
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/batch", {"data": f'{{"operations": "{said["message"]}'}),
        ("POST", "/v1/batch", {"json": {"operations": [{**create, "path": f"/v1/{said['message']}"}]}}),
        ("POST", "/v1/batch", {"json": {"operations": [{**create, "body": said["message"]}]}}),
        ("POST", "/v1/batch", {"json": {"operations": [{**create, "dependsOn": [said["message"]]}]}}),
        ("POST", "/v1/batch", {"json": {"operations": []}, "headers": {"Idempotency-Key": f"{said['user']} x"}}),
        ("POST", "/v1/posts", {"json": {"content": [said["message"]], "accountIds": [said["user"]]}}),
        ("POST", "/v1/posts", {"json": {"content": "x", "accountIds": [said["user"]]}}),
        ("POST", "/v1/webhooks", {"json": {"url": f"https://10.0.0.1/{said['message']}", "events": [said["name"]]}}),
        ("POST", "/v1/accounts/callback/twitter", {"json": {"code": said["garbage"], "state": said["message"]}}),
        ("GET", f"/v1/posts/{said['message']}", {}),
        ("GET", "/v1/batch/async", {"params": {"status": said["garbage"]}}),
    ]
    answers = [call(method, path, **settings) for method, path, settings in wrong]
    assert all(400 <= answer.status_code < 500 for answer in answers), [answer.status_code for answer in answers]
    return [answer.text for answer in answers]


def what_goes_wrong(client: Client, agent_id: str, private: Private) -> list[str]:
    """Return the bodies of every kind of error."""
    said, key = private.said, str(client.session.headers["x-api-key"])
    item = {"custom_id": said["custom-id"], "message": said["message"]}
    hook = {"url": "https://10.0.0.1/", "secret": private.webhook_secret}
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/batches", {"data": f'{{"message": "{said["message"]}" oops', "headers": {"Content-Type": "text/json"}}),
        ("POST", "/batches", {"data": f'"{said["message"]}', "headers": {"Content-Type": "application/json"}}),
        ("POST", "/batches", {"json": {"agent_id": agent_id, "requests": [item, item], "webhook": hook}}),
        ("POST", "/batches", {"json": {"agent_id": agent_id, "requests": [{**item, "message": [said["message"]]}]}}),
        ("POST", "/batches", {"json": {"agent_id": said["message"], "requests": [item], "webhook": hook}}),
        ("POST", "/batches", {"json": {"agent_id": agent_id, "requests": [{**item, "name": said["name"] * 20}]}}),
        ("POST", "/batches", {"json": {"agent_id": str(uuid4()), "requests": [item]}}),
        ("POST", "/external/agents", {"json": {"name": "x", "provider": {"type": "openai", "key_ref": private.model_key}}}),
        ("POST", "/external/agents", {"json": {"name": "x", "documents": [{"text": said["document"]}]}}),
        ("POST", "/chats", {"json": {"name": [said["name"]], "agent_id": agent_id}}),
        ("POST", "/chats/1/messages", {"json": {"message": {"text": said["message"]}}}),
        ("POST", "/chats/upload-file", {"files": {"file": ("a.bin", said["file"].encode(), "image/png")}}),
        ("POST", "/chats/upload-file", {"data": said["file"], "headers": {"Content-Type": "multipart/form-data"}}),
        ("GET", "/nowhere", {"params": {"q": said["message"]}}),
        ("GET", "/batches", {"params": {"status": said["garbage"]}}),
    ]  # fmt: skip
    answers = [client.call(method, path, **settings) for method, path, settings in wrong]
    impostors = ({"x-api-key": f"{key}x"}, {"x-api-key": key[:-1]}, {"Authorization": f"Basic {key}"})
    answers += [requests.get(f"{client.url}/batches", headers=headers, timeout=30) for headers in impostors]
    assert all(400 <= answer.status_code < 500 for answer in answers), [answer.status_code for answer in answers]
    return [answer.text for answer in answers]


@pytest.mark.timeout(180)
def test_invariant_8_nothing_private_reaches_a_log_line_or_an_error_body(stack: Stack) -> None:
    """Breaks when, say, edge/telemetry.traits also tells str(exc), or webhook_sender logs the headers it sends."""
    private = Private()
    client = Client(stack, "enterprise")
    workspace_id = stack["workspaces"]["enterprise"]
    secret = f"/batchwork/{workspace_id}/{uuid4().hex}"
    client_of(stack, "ssm").put_parameter(Name=secret, Value=private.model_key, Type="SecureString")

    def say(message: str) -> tuple[int, str | dict[str, Any]]:
        if private.said["broken"] in message:
            # What a careless endpoint may say: the key and the message, as an error's text.
            told = f"{private.model_key} {private.said['garbage']} {message}"
            return 400, {"error": {"message": told, "type": "invalid_request_error"}}
        return 200, private.said["answer"]

    with model(say) as endpoint, receiver() as hook:
        agent_id = an_agent(client, endpoint.provider(key_ref=f"ssm:{secret}"), private)
        what_goes_well(client, agent_id, hook, private)
        bodies = what_goes_wrong(client, agent_id, private) + what_operations_do(stack, client, private)
        failed = [json.dumps(row) for batch in client.ok("GET", "/batches")["data"] for row in failures(client, batch)]
        assert any(private.said["file"] in asked for asked in endpoint.asked)
    never = private.everything(stack)
    told = {text for text in never for body in bodies if text in body}
    assert told == set()
    # The client's own name for a request stands beside its error; nothing else of the item, the model or a key does.
    quoted = {text for text in never - {private.said["custom-id"]} for row in failed if text in row}
    assert (len(failed) >= 10, quoted) == (True, set())
    texts = complete_logs(stack)
    assert "emulator.log" in texts
    leaks = {(place, text) for place, lines in texts.items() for text in never if text in lines}
    assert leaks == set()


def failures(client: Client, batch: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.results(batch["id"], status="failed")["data"]
    return rows
