"""Jobs as clients meet them: POST and GET /v1/batch/async (seed 000), over the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from desk import Desk, make
from factories import AT

from batchwork.domain.batch import BatchRef, StopCause
from batchwork.domain.operation import Operation
from batchwork.domain.workspace import WorkspaceStatus
from batchwork.edge.endpoint import ANSWER_LIMIT, serialized

GONE = {"id": "gone", "method": "DELETE", "path": "/v1/posts/post_none"}
FIELDS = ["id", "status", "results", "summary", "error", "createdAt", "startedAt", "completedAt"]


def statuses(job: dict[str, Any]) -> list[int]:
    return [result["status"] for result in job["results"]]


def test_a_job_is_accepted_worked_and_completed_in_the_seeds_shapes() -> None:
    desk = Desk()
    answer = desk.batch([make("a"), GONE, make("b", "{{a.status}}!")], "/v1/batch/async")
    assert answer.status == 202
    submitted = answer.body["data"]
    assert list(submitted) == ["jobId", "status", "createdAt"]
    assert (submitted["status"], submitted["createdAt"]) == ("QUEUED", "2026-01-15T10:30:00.000Z")
    assert submitted["jobId"].startswith("cl")
    assert len(submitted["jobId"]) == 25
    ref = BatchRef("acme", submitted["jobId"])
    queued = desk.job(ref)
    assert list(queued) == FIELDS
    assert queued == {
        "id": ref.batch_id,
        "status": "QUEUED",
        "results": None,
        "summary": None,
        "error": None,
        "createdAt": submitted["createdAt"],
        "startedAt": None,
        "completedAt": None,
    }
    desk.clock.pass_(timedelta(seconds=1))
    desk.drain()
    assert desk.job(ref) == {**queued, "status": "PROCESSING", "startedAt": "2026-01-15T10:30:01.000Z"}
    desk.clock.pass_(timedelta(seconds=2))
    desk.complete(ref)
    job = desk.job(ref)
    assert list(job) == FIELDS
    assert (job["status"], job["error"], job["completedAt"]) == ("COMPLETED", None, "2026-01-15T10:30:03.000Z")
    assert job["summary"] == {"total": 3, "succeeded": 2, "failed": 1, "skipped": 0}
    made, gone, other = job["results"]
    assert list(made) == ["id", "status", "body"]
    assert gone["error"]["code"] == gone["body"]["error"]["code"] == "NOT_FOUND"
    assert other["body"]["text"] == "201!"
    assert desk.used() == 3


def test_a_job_comes_to_what_the_same_request_comes_to() -> None:
    operations = [
        make("a"),
        make("bad", "{{a.body.nothing}}"),
        {**make("after"), "dependsOn": ["bad"]},
        {"id": "copy", "method": "POST", "path": "/v1/posts/{{a.body.id}}/copy"},
        GONE,
        make("last"),
    ]
    modes: list[dict[str, Any]] = [{}, {"parallel": True}, {"continueOnError": False}]
    for fields in modes:
        alone, together = Desk(), Desk()
        ref = together.submit(operations, **fields)
        together.settle_everything(ref)
        job, answer = together.job(ref), alone.batch(operations, **fields)
        assert statuses(job) == answer.statuses
        assert job["summary"] == answer.body["summary"]
        assert [each.get("error") for each in job["results"]] == [each.get("error") for each in answer.results]


def test_what_was_skipped_is_counted_apart() -> None:
    desk = Desk()
    ref = desk.submit([make("a"), GONE, make("b"), make("c")], continueOnError=False)
    batch = desk.settle_everything(ref)
    assert (batch.succeeded, batch.failed, batch.skipped) == (1, 3, 2)
    assert desk.job(ref)["summary"] == {"total": 4, "succeeded": 1, "failed": 1, "skipped": 2}
    assert statuses(desk.job(ref)) == [201, 404, 424, 424]
    assert len(desk.notes.done) == 1


def test_a_hundred_operations_are_one_message_and_are_counted_by_one_write() -> None:
    desk = Desk()
    counts: list[int] = []
    count = desk.batches.count
    desk.batches.count = lambda batch, tallies: counts.append(len(tallies)) or count(batch, tallies)  # type: ignore[method-assign,func-returns-value] # a spy
    ref = desk.submit([make(str(n)) for n in range(100)], parallel=True)
    assert desk.queue.sent == [(ref, 0, timedelta())]
    desk.drain()
    assert counts == [100]
    assert desk.header(ref).remaining == 0


def test_a_job_lives_on_when_the_queue_refuses() -> None:
    desk = Desk()

    def refuse(*_: object) -> None:
        raise RuntimeError("queue is down")

    send, desk.queue.send = desk.queue.send, refuse  # type: ignore[method-assign,assignment] # down for now
    ref = desk.submit([make("a")])
    desk.queue.send = send  # type: ignore[method-assign] # up again
    assert desk.settle_everything(ref).succeeded == 1
    assert [type(error) for error in desk.errors] == [RuntimeError]


# ── once, and metered ──


def test_the_same_key_makes_one_job_and_another_body_is_refused() -> None:
    desk = Desk()
    key = {"Idempotency-Key": "k"}
    first = desk.batch([make("a")], "/v1/batch/async", headers=key)
    again = desk.batch([make("a")], "/v1/batch/async", headers=key)
    assert again.text == first.text
    assert again.headers["Idempotency-Replayed"] == "true"
    assert desk.batch([make("b")], "/v1/batch/async", headers=key).status == 409
    assert (len(desk.batches.headers), desk.used()) == (1, 1)


def test_a_full_month_refuses_a_job() -> None:
    desk = Desk()
    desk.a_key(monthly_quota=1)
    answer = desk.batch([make("a"), make("b")], "/v1/batch/async")
    assert (answer.status, answer.code) == (402, "LIMIT_EXCEEDED")
    assert (desk.used(), desk.batches.headers, desk.queue.sent) == (0, {}, [])


# ── who the operations are done for ──


@pytest.mark.parametrize("fate", ["revoked", "expired", "gone"])
def test_operations_that_are_left_when_the_key_is_no_longer_valid_are_unauthorized(fate: str) -> None:
    desk = Desk()
    ref = desk.submit([make("a"), make("b"), make("c")])

    def end(operation: Operation) -> None:
        if operation.id != "a":
            return
        if fate == "gone":
            desk.identities._keys.clear()
        else:
            desk.a_key(revoked_at=AT if fate == "revoked" else None, expires_at=AT if fate == "expired" else None)
        desk.clock.pass_(timedelta(seconds=16))  # what a worker remembers of a key

    desk.before = end
    desk.drain()
    desk.complete(ref)
    desk.a_key()
    job = desk.job(ref)
    assert statuses(job) == [201, 401, 401]
    assert job["results"][1]["error"]["code"] == "UNAUTHORIZED"
    assert job["status"] == "COMPLETED"


def test_scopes_are_those_of_the_key_when_it_is_worked() -> None:
    desk = Desk()
    ref = desk.submit([make("a"), make("b", path="/v1/media/upload")])
    desk.a_key(scopes=["media:write"])
    desk.settle_everything(ref)
    assert statuses(desk.job(ref)) == [403, 404]


def test_operations_of_a_suspended_workspace_are_refused() -> None:
    desk = Desk()
    ref = desk.submit([make("a")])
    desk.a_key(status=WorkspaceStatus.SUSPENDED)
    desk.settle_everything(ref)
    desk.a_key()
    assert statuses(desk.job(ref)) == [403]


# ── how jobs end otherwise ──


def test_a_job_whose_inputs_are_gone_fails_and_says_so() -> None:
    desk = Desk()
    ref = desk.submit([make("a"), make("b")])
    desk.batches.items[ref] = []
    desk.settle_everything(ref)
    job = desk.job(ref)
    assert (job["status"], job["results"]) == ("FAILED", None)
    assert "input" in job["error"]
    assert job["summary"] == {"total": 2, "succeeded": 0, "failed": 2, "skipped": 0}
    assert job["startedAt"] is None
    assert job["completedAt"] is not None
    assert desk.call("GET", "/v1/batch/async", query={"status": "FAILED"}).body["data"][0]["error"] == job["error"]


def test_what_never_started_before_the_deadline_is_timed_out() -> None:
    desk = Desk()
    ref = desk.submit([make("a"), make("b"), make("c")])
    desk.queue.take()
    desk.clock.pass_(timedelta(hours=24))
    desk.sweep()
    job = desk.job(ref)
    assert (job["status"], statuses(job), job["startedAt"]) == ("COMPLETED", [504, 504, 504], None)
    assert {result["error"]["code"] for result in job["results"]} == {"TIMEOUT"}
    assert job["summary"] == {"total": 3, "succeeded": 0, "failed": 3, "skipped": 0}


def test_a_worker_starts_nothing_beyond_the_deadline() -> None:
    desk = Desk()
    ref = desk.submit([make("a"), make("b"), make("c")])
    desk.clock.pass_(timedelta(hours=24) - timedelta(seconds=1))
    desk.before = lambda operation: desk.clock.pass_(timedelta(seconds=1)) if operation.id == "b" else None
    desk.drain()
    desk.complete(ref)
    assert statuses(desk.job(ref)) == [201, 201, 504]
    assert len(desk.notes.done) == 2


def test_a_job_that_a_client_asks_for_while_it_ends_has_no_summary_yet() -> None:
    desk = Desk()
    ref = desk.submit([make("a")])
    desk.drain()
    assert desk.header(ref).remaining == 0
    job = desk.job(ref)
    assert (job["status"], job["results"], job["summary"]) == ("PROCESSING", None, None)


def test_a_job_with_expired_rows_is_not_found() -> None:
    desk = Desk()
    ref = desk.submit([make("a"), make("b")])
    desk.settle_everything(ref)
    desk.batches.units[ref].pop(1)
    answer = desk.call("GET", f"/v1/batch/async/{ref.batch_id}")
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_results_of_a_job_that_would_be_too_large_are_cut() -> None:
    desk = Desk()
    desk.notes.answer = lambda note: {"id": note.id, "padding": '"' * 60_000}
    ref = desk.submit([make(str(n)) for n in range(100)], parallel=True)
    desk.settle_everything(ref)
    answer = desk.call("GET", f"/v1/batch/async/{ref.batch_id}")
    assert serialized(answer.text) <= ANSWER_LIMIT
    assert {result["body"].get("truncated") for result in answer.body["data"]["results"]} == {None, True}


def test_results_are_shown_to_keys_that_might_have_made_the_calls() -> None:
    # Break: Jobs.one, show what the operations ended with to any key: a webhook's secret, too.
    desk = Desk()
    ref = desk.submit([make("a"), GONE, {**make("b"), "dependsOn": ["gone"]}])
    desk.settle_everything(ref)
    job = desk.job(ref)
    for scopes in (["posts:write"], ["*"]):
        key = desk.a_key(key_id="k2", scopes=scopes)
        assert desk.job(ref, key=key) == job
    for scopes in ([], ["posts:read", "webhooks:write"]):
        told = desk.job(ref, key=desk.a_key(key_id="k3", scopes=scopes))
        assert {**told, "results": None} == {**job, "results": None}
        assert statuses(told) == statuses(job) == [201, 404, 424]
        for result, before in zip(told["results"], job["results"], strict=True):
            assert (result["id"], result["body"]) == (before["id"], None)
            assert result["error"]["code"] == "AUTHORIZATION_ERROR"
            assert "posts:write" in result["error"]["message"]


@pytest.mark.parametrize("status", ["QUEUED", "PROCESSING"])
def test_a_list_of_open_jobs_reads_the_index_once(status: str) -> None:
    desk = Desk()
    for number in range(120):
        desk.submit([make("a", str(number))])
    find, looks = desk.batches.find, list[int]()

    def counting(*given: Any) -> Any:
        looks.append(1)
        return find(*given)

    desk.batches.find = counting  # type: ignore[method-assign,assignment] # a count
    found = desk.call("GET", "/v1/batch/async", query={"status": status, "limit": "100"}).body["data"]
    assert len(found) == (100 if status == "QUEUED" else 0)
    assert len(looks) == 1


# ── time ──


def test_what_does_not_fit_into_an_invocation_is_queued_again() -> None:
    # Break: WorkJob.__call__, do not send.
    desk = Desk()
    ref = desk.submit([make(str(n)) for n in range(4)])
    desk.queue.take()
    desk.before = lambda _operation: desk.clock.pass_(timedelta(seconds=20))
    stint = desk.work(ref, time=timedelta(seconds=65))
    assert (stint.settled, stint.left) == (2, 1)
    assert desk.queue.take() == [(ref, 0, timedelta())]
    desk.work(ref, time=timedelta(seconds=70))
    desk.complete(ref)
    assert statuses(desk.job(ref)) == [201, 201, 201, 201]
    assert len(desk.notes.done) == 4


# ── lists and names ──


def test_jobs_are_listed_newest_first_without_results_by_status() -> None:
    desk = Desk()
    refs = []
    for number in range(4):
        desk.clock.pass_(timedelta(seconds=1))
        refs.append(desk.submit([make("a")]))
        desk.queue.take()
        if number < 2:
            desk.work(refs[-1])
        if number < 1:
            desk.complete(refs[-1])

    def listed(**query: str) -> list[Any]:
        answer = desk.call("GET", "/v1/batch/async", query=query or None)
        assert list(answer.body) == ["data"]
        return [(job["id"], job["status"]) for job in answer.body["data"]]

    ids = [ref.batch_id for ref in refs]
    assert listed() == [(ids[3], "QUEUED"), (ids[2], "QUEUED"), (ids[1], "PROCESSING"), (ids[0], "COMPLETED")]
    assert listed(limit="2") == listed()[:2]
    assert listed(status="QUEUED") == listed()[:2]
    assert listed(status="QUEUED", limit="1") == listed()[:1]
    assert listed(status="PROCESSING") == listed()[2:3]
    assert listed(status="COMPLETED") == listed()[3:]
    assert listed(status="FAILED") == []
    entry = desk.call("GET", "/v1/batch/async").body["data"][-1]
    assert list(entry) == [name for name in FIELDS if name != "results"]


@pytest.mark.parametrize(
    "query",
    [
        *({"limit": value} for value in ("0", "101", "-1", "x", "1.5", "1e1")),
        *({"status": value} for value in ("DONE", "completed", "", "QUEUED,FAILED")),
    ],
)
def test_a_bad_query_is_refused(query: dict[str, str]) -> None:
    answer = Desk().call("GET", "/v1/batch/async", query=query)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert answer.body["error"]["details"]["field"] in query


@pytest.mark.parametrize(
    ("job", "status", "code"),
    [
        ("clrjob1234567890abc", 404, "NOT_FOUND"),
        ("cl000000000000000000000000", 404, "NOT_FOUND"),
        ("nope!", 400, "BAD_REQUEST"),
        ("post_1", 400, "BAD_REQUEST"),
    ],
)
def test_a_job_that_is_none_is_not_found(job: str, status: int, code: str) -> None:
    answer = Desk().call("GET", f"/v1/batch/async/{job}")
    assert (answer.status, answer.code) == (status, code)


def test_a_job_of_another_workspace_and_a_batch_of_another_family_are_not_found() -> None:
    desk = Desk()
    ref = desk.submit([make("a")])
    other = desk.a_key("other")
    assert desk.call("GET", f"/v1/batch/async/{ref.batch_id}", key=other).status == 404
    assert desk.call("GET", "/v1/batch/async", key=other).body == {"data": []}
    header = desk.batches.headers[ref]
    desk.batches.headers[ref] = type(header)(
        id=header.id,
        workspace_id="acme",
        family="messages",
        cut=header.cut,
        created_at=header.created_at,
        deadline_at=header.deadline_at,
    )
    assert desk.call("GET", f"/v1/batch/async/{ref.batch_id}").status == 404


def test_a_stopped_job_starts_nothing() -> None:
    desk = Desk()
    ref = desk.submit([make("a")])
    desk.batches.stop(ref, StopCause.FAILED, "the reason", AT)
    desk.settle_everything(ref)
    job = desk.job(ref)
    assert (job["status"], job["error"], statuses(job)) == ("FAILED", "the reason", [500])
    assert desk.notes.done == []
