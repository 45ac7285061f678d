"""POST /api/v1/batches/{batch_id}/cancel, whole: seed 002."""

from __future__ import annotations

from uuid import uuid4

import pytest
from functions.messages_api import MessagesApi, api, well  # noqa: F401 -- api: the fixture

from batchwork.adapters.dynamodb.batches import DynamoBatches

PATH = "/api/v1/batches"


def cancel_path(batch_id: str) -> str:
    return f"{PATH}/{batch_id}/cancel"


def test_a_cancel_is_accepted_and_settles_at_once_what_nobody_works_on(api: MessagesApi) -> None:  # noqa: F811
    created = api.submit(35)
    batch = api.stored(created["id"])
    api.work(batch, 0, well)
    api.lease(batch, 1)
    answer = api.call("POST", cancel_path(batch.id))
    assert answer.status == 202
    assert list(answer.data) == list(created)
    assert answer.data["status"] == "cancelling"
    assert answer.data["completed_at"] is None
    assert answer.data["cancelled_at"] is None
    rows = api.call("GET", f"{PATH}/{batch.id}/results").data
    assert [row["status"] for row in rows] == ["success"] * 10 + ["processing"] * 10 + ["failed"] * 15
    assert {(row["error_code"], row["error_message"]) for row in rows[20:]} == {(499, "Batch was cancelled")}
    progress = api.call("GET", f"{PATH}/{batch.id}").data
    assert (progress["completed_requests"], progress["failed_requests"]) == (10, 15)


def test_a_batch_is_cancelled_once(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch = api.submit(15)
    api.lease(api.stored(batch["id"]), 0)
    assert api.call("POST", cancel_path(batch["id"])).status == 202
    again = api.call("POST", cancel_path(batch["id"]))
    assert (again.status, again.body["error_code"], again.data) == (400, 10006, None)
    assert again.body["message"] == "Only batches with status in_progress can be cancelled; this one is cancelling."


def test_a_cancel_under_another_key_is_another_cancel(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch = api.submit(15)
    api.lease(api.stored(batch["id"]), 0)
    keyed = [api.call("POST", cancel_path(batch["id"]), headers={"Idempotency-Key": key}) for key in ("a", "a", "b")]
    assert [answer.status for answer in keyed] == [202, 202, 400]
    assert keyed[1].body == keyed[0].body


def test_a_cancel_is_accepted_even_when_settling_dies(
    api: MessagesApi,  # noqa: F811 -- the fixture
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    batch = api.submit(5)

    def dies(*_: object) -> None:
        raise ConnectionError("what a customer wrote")

    monkeypatch.setattr(DynamoBatches, "settle_free", dies)
    assert api.call("POST", cancel_path(batch["id"])).status == 202
    written = capsys.readouterr().out
    assert "ConnectionError" in written
    assert "customer" not in written


def test_unknown_odd_and_foreign_batches_are_404(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch = api.submit(1)
    stranger = api.a_key(api.a_workspace())
    answers = [
        api.call("POST", cancel_path(str(uuid4()))),
        api.call("POST", cancel_path("batch-uuid-here")),
        api.call("POST", cancel_path(batch["id"]), key=stranger),
    ]
    assert [answer.status for answer in answers] == [404] * 3
    assert len({str(answer.body) for answer in answers}) == 1
    assert api.call("GET", f"{PATH}/{batch['id']}").data["status"] == "in_progress"


def test_cancelling_needs_its_scope(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch = api.submit(1)
    answer = api.call("POST", cancel_path(batch["id"]), key=api.a_key(scopes=["batches:read"]))
    assert (answer.status, answer.body["message"]) == (403, "This API key lacks the scope batches:write.")
