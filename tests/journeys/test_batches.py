"""One journey per promise, over HTTP, on the whole local stack."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from journeys.client import Client, Stack

ROW = [
    "custom_id",
    "status",
    "response_content",
    "response_usage",
    "error_code",
    "error_message",
    "history_id",
    "conversation_id",
    "processed_at",
]


def test_a_thousand_messages_are_answered_each_once_and_in_order(stack: Stack) -> None:
    client = Client(stack)
    batch = client.submit(1000)
    assert (batch["status"], batch["total_requests"], batch["completed_at"]) == ("in_progress", 1000, None)
    ended = client.wait(batch["id"])
    assert (ended["status"], ended["completed_requests"], ended["failed_requests"]) == ("completed", 1000, 0)
    rows = client.results(batch["id"], limit=1000)["data"]
    assert [row["custom_id"] for row in rows] == [f"req-{n:04d}" for n in range(1000)]
    assert all(list(row) == ROW for row in rows)
    assert all("Monday to Friday, 9 AM to 6 PM" in row["response_content"] for row in rows)
    assert len({row["history_id"] for row in rows}) == 1000
    assert len({row["conversation_id"] for row in rows}) == 1000


def test_results_are_paged_with_urls_that_lead_through_all_of_them(stack: Stack) -> None:
    client = Client(stack)
    batch = client.wait(client.submit(25)["id"])
    url: str | None = f"{client.url}/batches/{batch['id']}/results?limit=10&status=success"
    seen: list[str] = []
    while url:
        answer = client.session.get(url, timeout=30).json()
        page = answer["pagination"]
        seen += [row["custom_id"] for row in answer["data"]]
        assert (page["limit"], page["total_records"], page["total_pages"]) == (10, 25, 3)
        url = page["next_page"]
        if url:
            assert urlsplit(url).query.startswith(f"offset={page['offset'] + 10}&limit=10")
            assert parse_qs(urlsplit(url).query)["status"] == ["success"]
    assert seen == [f"req-{n:04d}" for n in range(25)]
    assert client.results(batch["id"], status="failed")["data"] == []
    beyond = client.results(batch["id"], offset=1000)
    assert (beyond["data"], beyond["pagination"]["total_records"]) == ([], 25)


def test_a_list_shows_newest_first_and_filters_by_status(stack: Stack) -> None:
    client = Client(stack, "enterprise")
    client.agent_id = _agent(client)
    ids = [client.wait(client.submit(1)["id"])["id"] for _ in range(3)]
    listed = client.ok("GET", "/batches", params={"limit": 2, "status": "completed"})
    assert [batch["id"] for batch in listed["data"]] == [ids[2], ids[1]]
    assert listed["pagination"]["total_records"] >= 3
    assert client.ok("GET", "/batches", params={"status": "cancelling"})["data"] == []


def test_cancel_answers_at_once_and_settles_a_thousand_pending_items_within_two_seconds(stack: Stack) -> None:
    client = Client(stack)
    batch = client.submit(1000)
    cancelled = client.ok("POST", f"/batches/{batch['id']}/cancel", 202)["data"]
    at = time.monotonic()
    assert cancelled["status"] == "cancelling"
    ended = client.wait(batch["id"], seconds=10)
    assert ended["status"] == "cancelled"
    assert ended["cancelled_at"] is not None
    assert ended["completed_requests"] + ended["failed_requests"] == 1000
    print(f"settled {time.monotonic() - at:.2f} s after the 202")
    rows = client.results(batch["id"], limit=1000, status="failed")["data"]
    assert {(row["error_code"], row["error_message"]) for row in rows} <= {(499, "Batch was cancelled")}
    assert len(rows) == ended["failed_requests"] > 0
    refused = client.refused("POST", f"/batches/{batch['id']}/cancel", 400, 10006)
    assert "cancelled" in refused["message"]


def test_a_busy_workspace_does_not_delay_another(stack: Stack) -> None:
    busy, quiet = Client(stack, "pro"), Client(stack, "enterprise")
    quiet.agent_id = _agent(quiet)
    backlog = [busy.submit(1000)["id"] for _ in range(15)]
    try:
        at = time.monotonic()
        quiet.wait(quiet.submit(10)["id"], seconds=20)
        waited = time.monotonic() - at
        left = [batch for batch in backlog if busy.get(batch)["status"] == "in_progress"]
        print(f"10 items done after {waited:.2f} s with {len(left)} of 15 batches of 1000 still waiting")
        assert len(left) >= 10, "the backlog was gone before the quiet workspace was served"
    finally:
        for batch in backlog:
            busy.call("POST", f"/batches/{batch}/cancel")


def test_a_chat_goes_on_where_a_batch_left_it(stack: Stack) -> None:
    client = Client(stack)
    batch = client.wait(client.submit(1, message="How do I return a product?")["id"])
    (row,) = client.results(batch["id"])["data"]
    chat = client.ok("GET", f"/chats/{row['history_id']}")["data"]
    assert chat["id"] == row["history_id"]
    body = {
        "agent_id": client.agent_id,
        "requests": [
            {"custom_id": "more", "message": "And what are your business hours?", "history_id": row["history_id"]},
            {"custom_id": "lost", "message": "Hello?", "history_id": 999_999_999},
        ],
    }
    batch = client.wait(client.ok("POST", "/batches", 202, json=body)["data"]["id"])
    more, lost = client.results(batch["id"])["data"]
    assert (more["status"], more["history_id"]) == ("success", row["history_id"])
    assert more["conversation_id"] > row["conversation_id"]
    assert (lost["status"], lost["error_code"], lost["history_id"]) == ("failed", 400, None)
    messages = client.ok("GET", f"/chats/{row['history_id']}/messages")["data"]
    assert len(messages) >= 2


def test_an_attached_files_text_reaches_the_agent(stack: Stack) -> None:
    client = Client(stack)
    word = f"zanzibar{uuid4().hex[:6]}"
    uploaded = client.ok(
        "POST",
        "/chats/upload-file",
        files={"file": ("note.txt", f"The secret word of this note is {word}.".encode(), "text/plain")},
    )["data"]
    body = {
        "agent_id": client.agent_id,
        "requests": [
            {
                "custom_id": "a",
                "message": "What is the secret word of the note?",
                "attached_file_uuids": [uploaded["uuid"]],
            },
            {"custom_id": "b", "message": "What is it?", "attached_file_uuids": [str(uuid4())]},
        ],
    }
    batch = client.wait(client.ok("POST", "/batches", 202, json=body)["data"]["id"])
    found, unknown = client.results(batch["id"])["data"]
    assert word in found["response_content"]
    assert (unknown["status"], unknown["error_code"]) == ("failed", 400)


# ── invariant 6: another workspace's ids are not found ──


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/batches/{batch}", None),
        ("GET", "/batches/{batch}/results", None),
        ("POST", "/batches/{batch}/cancel", None),
        ("GET", "/chats/{chat}", None),
        ("PUT", "/chats/{chat}", {"name": "mine now"}),
        ("GET", "/chats/{chat}/messages", None),
        ("POST", "/chats/{chat}/messages", {"message": "hello"}),
        ("GET", "/external/agents/{agent}", None),
        ("GET", "/external/agents/{agent}/versions", None),
        ("PATCH", "/external/agents/{agent}", {"name": "mine now"}),
        ("POST", "/chats", {"name": "x", "agent_id": "{agent}"}),
        ("POST", "/batches", {"agent_id": "{agent}", "requests": [{"custom_id": "a", "message": "b"}]}),
    ],
)
def test_invariant_6_another_workspaces_ids_are_not_found(
    stack: Stack, method: str, path: str, body: dict[str, Any] | None
) -> None:
    # Break: leave the workspace out of a key in adapters/dynamodb/keys.py.
    mine, other = Client(stack), Client(stack, "other")
    batch = mine.wait(mine.submit(1)["id"])
    (row,) = mine.results(batch["id"])["data"]
    ids = {"batch": batch["id"], "chat": row["history_id"], "agent": mine.agent_id}
    filled = body and {key: value.format(**ids) if isinstance(value, str) else value for key, value in body.items()}
    other.refused(method, path.format(**ids), 404, 10003, json=filled)
    assert batch["id"] not in [listed["id"] for listed in other.ok("GET", "/batches")["data"]]


def _agent(client: Client) -> str:
    """Create and publish a knowledge agent in the client's workspace, as a customer would."""
    made = client.call(
        "POST",
        "/external/agents",
        json={
            "name": "Hours",
            "provider": {"type": "knowledge"},
            "documents": [{"title": "Hours", "text": "Our business hours are Monday to Friday, 9 AM to 6 PM EST."}],
        },
    ).json()["data"]
    versions = client.ok("GET", f"/external/agents/{made['id']}/versions")["data"]
    client.ok("POST", f"/external/agents/{made['id']}/versions/{versions[0]['id']}:publish")
    return str(made["id"])
