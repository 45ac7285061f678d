"""GET /api/v1/batches and below, whole: seed 002."""

from __future__ import annotations

from uuid import uuid4

import pytest
from functions.messages_api import BASE, USAGE, MessagesApi, api, badly, well  # noqa: F401 -- api: the fixture

PATH = "/api/v1/batches"


def test_a_batch_shows_its_progress(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    created = api.submit(20)
    batch = api.stored(created["id"])
    api.work(batch, 0, lambda index: badly(index) if index < 2 else well(index))
    answer = api.call("GET", f"{PATH}/{batch.id}")
    assert answer.status == 200
    assert answer.data == created | {"completed_requests": 8, "failed_requests": 2}
    assert api.call("GET", f"{PATH}/{batch.id.upper()}").data["id"] == batch.id


def test_results_come_in_input_order_with_the_seeds_rows(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch = api.stored(api.submit(22)["id"])
    api.work(batch, 1, lambda index: badly(index) if index == 11 else well(index))
    api.lease(batch, 0)
    answer = api.call("GET", f"{PATH}/{batch.id}/results")
    assert answer.status == 200
    assert list(answer.body) == ["data", "pagination", "message", "error_code"]
    assert [row["custom_id"] for row in answer.data] == [f"req-{number}" for number in range(22)]
    assert [row["status"] for row in answer.data] == (
        ["processing"] * 10 + ["success", "failed"] + ["success"] * 8 + ["pending"] * 2
    )
    good, bad, waiting = answer.data[10], answer.data[11], answer.data[20]
    assert list(good.items()) == [
        ("custom_id", "req-10"),
        ("status", "success"),
        ("response_content", "Answer 10"),
        ("response_usage", USAGE),
        ("error_code", None),
        ("error_message", None),
        ("history_id", 12355),
        ("conversation_id", 6799),
        ("processed_at", "2024-01-15T10:31:00Z"),
    ]
    assert list(bad) == list(good) == list(waiting)
    assert (bad["error_code"], bad["error_message"]) == (500, "Internal server error during processing")
    assert bad["processed_at"] == "2024-01-15T10:31:00Z"
    assert [bad[name] for name in ("response_content", "response_usage", "history_id", "conversation_id")] == [None] * 4
    assert [waiting[name] for name in list(waiting)[2:]] == [None] * 7


def test_results_are_filtered_before_they_are_paged(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch = api.stored(api.submit(40)["id"])
    api.work(batch, 0, lambda index: badly(index) if index % 2 else well(index))
    api.work(batch, 2, well)
    path = f"{PATH}/{batch.id}/results"
    answer = api.call("GET", path, query={"status": "success", "limit": "4", "offset": "4"})
    assert [row["custom_id"] for row in answer.data] == ["req-8", "req-20", "req-21", "req-22"]
    assert answer.body["pagination"] == {
        "limit": 4,
        "offset": 4,
        "total_records": 15,
        "total_pages": 4,
        "current_page": 2,
        "next_page": f"{BASE}{path}?offset=8&limit=4&status=success",
        "prev_page": f"{BASE}{path}?offset=0&limit=4&status=success",
    }
    assert len(api.call("GET", path, query={"status": "failed"}).data) == 5
    assert len(api.call("GET", path, query={"status": "pending"}).data) == 20
    assert api.call("GET", path, query={"status": "processing"}).data == []


def test_batches_are_listed_newest_first_page_by_page(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    made = [api.submit(1)["id"] for _ in range(5)]
    first = api.call("GET", PATH, query={"limit": "2"})
    assert list(first.body) == ["data", "pagination", "message", "error_code"]
    assert first.body["pagination"]["total_records"] == 5
    assert first.body["pagination"]["next_page"] == f"{BASE}{PATH}?offset=2&limit=2"
    rest = api.call("GET", PATH, query={"limit": "1000", "offset": "2"})
    assert sorted(batch["id"] for batch in first.data + rest.data) == sorted(made)
    assert first.data[0] == api.call("GET", f"{PATH}/{first.data[0]['id']}").data


def test_batches_are_filtered_by_status(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    api.submit(1)
    cancelling = api.submit(15)["id"]
    api.lease(api.stored(cancelling), 0)
    api.call("POST", f"{PATH}/{cancelling}/cancel")
    answer = api.call("GET", PATH, query={"status": "cancelling"})
    assert [batch["id"] for batch in answer.data] == [cancelling]
    assert answer.body["pagination"]["total_records"] == 1
    assert api.call("GET", PATH, query={"status": "completed"}).data == []


def test_an_offset_beyond_the_end_is_an_empty_page(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    batch = api.submit(3)
    for path in (PATH, f"{PATH}/{batch['id']}/results"):
        answer = api.call("GET", path, query={"offset": "5000"})
        assert (answer.status, answer.data, answer.body["pagination"]["next_page"]) == (200, [], None)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"limit": "0"}, ["limit"]),
        ({"limit": "-1"}, ["limit"]),
        ({"limit": "1001"}, ["limit"]),
        ({"limit": "x", "offset": "-1", "status": "done"}, ["limit", "offset", "status"]),
        ({"status": ""}, ["status"]),
    ],
)
def test_bad_parameters_are_422_each_named(api: MessagesApi, query: dict[str, str], fields: list[str]) -> None:  # noqa: F811
    batch = api.submit(1)
    for path in (PATH, f"{PATH}/{batch['id']}/results"):
        answer = api.call("GET", path, query=query)
        assert (answer.status, answer.body["error_code"], answer.fields) == (422, 10006, fields)


def test_the_refusal_of_a_status_names_the_choices(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    answer = api.call("GET", PATH, query={"status": "success"})
    (error,) = answer.data["errors"]
    assert error["message"].endswith("in_progress, cancelling, completed, failed, cancelled")


def test_a_batch_of_another_workspace_is_as_unknown_as_one_that_never_was(api: MessagesApi) -> None:  # noqa: F811
    batch = api.submit(1)
    stranger = api.a_key(api.a_workspace())
    for path in (f"{PATH}/{batch['id']}", f"{PATH}/{batch['id']}/results"):
        foreign = api.call("GET", path, key=stranger)
        unknown = api.call("GET", path.replace(batch["id"], str(uuid4())))
        odd = api.call("GET", path.replace(batch["id"], "batch-uuid-here"))
        assert foreign.body == unknown.body == odd.body
        assert foreign.body == {"data": None, "message": "Batch not found", "error_code": 10003}
        assert [each.status for each in (foreign, unknown, odd)] == [404] * 3
    assert api.call("GET", PATH, key=stranger).data == []


def test_reading_needs_its_scope(api: MessagesApi) -> None:  # noqa: F811 -- the fixture
    writer = api.a_key(scopes=["batches:write"])
    for path in (PATH, f"{PATH}/{uuid4()}", f"{PATH}/{uuid4()}/results"):
        answer = api.call("GET", path, key=writer)
        assert (answer.status, answer.body["message"]) == (403, "This API key lacks the scope batches:read.")
