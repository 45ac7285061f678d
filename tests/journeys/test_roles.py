"""Every function does all of its work under its own role: the local stack enforces what template.yaml allows."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import requests

from journeys.client import Client, Stack
from local.limits import client_of


def incompressible(size: int) -> str:
    """Return text that stays large when it is compressed, so that it is kept in the bucket."""
    return base64.b64encode(random.Random(size).randbytes(size)).decode()


def test_agents_of_any_size_are_made_changed_published_and_read(stack: Stack) -> None:
    client, at = Client(stack), "/external/agents"
    asked = {"name": "Large", "documents": [{"title": "Noise", "text": incompressible(400_000)}]}
    made = client.call("POST", at, json=asked)
    assert made.status_code in {200, 201}, made.text[:300]
    agent_id = made.json()["data"]["id"]
    client.ok("PATCH", f"{at}/{agent_id}", json={"description": "again"})
    versions = client.ok("GET", f"{at}/{agent_id}/versions")["data"]
    assert len(versions) == 2
    version_id = versions[0]["id"]
    client.ok("GET", f"{at}/{agent_id}/versions/{version_id}")
    client.ok("POST", f"{at}/{agent_id}/versions/{version_id}:publish")
    for path in (f"{at}/{agent_id}", at, f"{at}/all", "/chats/published-agents"):
        client.ok("GET", path)


def test_chats_are_held_listed_and_renamed(stack: Stack) -> None:
    client = Client(stack)
    made = client.call("POST", "/chats", json={"name": "Hours", "agent_id": stack["agent_id"]})
    chat_id = made.json()["data"]["id"]
    said = client.call("POST", f"/chats/{chat_id}/messages", json={"message": "What are your business hours?"})
    assert "9 AM to 6 PM" in said.text
    client.ok("PUT", f"/chats/{chat_id}", json={"name": "Opening hours"})
    assert client.ok("GET", f"/chats/{chat_id}")["data"]["name"] == "Opening hours"
    assert chat_id in [each["id"] for each in client.ok("GET", "/chats")["data"]]
    assert client.ok("GET", f"/chats/{chat_id}/messages")["data"]


def test_files_are_uploaded_through_the_api_and_straight_to_the_bucket(stack: Stack) -> None:
    client = Client(stack)
    for path in ("/chats/upload-file", "/external/files?scope=persistent"):
        form = {"file": ("notes.txt", b"some notes", "text/plain")}
        assert client.call("POST", path, files=form).json()["data"]["uuid"]
    presigned = client.call(
        "POST", "/chats/upload-file/presigned", json={"name": "large.txt", "content_type": "text/plain"}
    )
    assert presigned.status_code in {200, 201}, presigned.text[:300]
    upload = presigned.json()["data"]
    taken = requests.post(upload["url"], data=upload["fields"], files={"file": b"many notes"}, timeout=30)
    assert taken.status_code in {200, 201, 204}, taken.text[:300]


def test_a_batch_too_large_for_rows_is_worked_read_and_cancelled(stack: Stack) -> None:
    client = Client(stack)
    few, many = (
        {
            "agent_id": stack["agent_id"],
            "requests": [{"custom_id": f"r-{n}", "message": incompressible(45_000 + n)} for n in range(total)],
        }
        for total in (10, 60)
    )
    batch = client.ok("POST", "/batches", 202, json=few)["data"]
    assert client.wait(batch["id"])["completed_requests"] == 10
    assert len(client.ok("GET", f"/batches/{batch['id']}/results")["data"]) == 10
    second = client.ok("POST", "/batches", 202, json=many)["data"]
    client.ok("POST", f"/batches/{second['id']}/cancel", 202)
    assert client.wait(second["id"])["status"] == "cancelled"


def test_the_sweeper_sweeps(stack: Stack) -> None:
    aws = client_of(stack, "lambda")
    names = [each["FunctionName"] for each in aws.list_functions()["Functions"]]
    (sweeper,) = [name for name in names if "SweeperFunction" in name]
    answer: dict[str, Any] = aws.invoke(FunctionName=sweeper, Payload=b"{}")
    assert "FunctionError" not in answer
    assert "batches" in json.loads(answer["Payload"].read())
