"""RunStore: the twin and the table with its bucket keep the same promises."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import AT
from fakes.runs import FakeRuns
from run_world import MILLISECOND, RETENTION, a_flow, a_run, a_run_batch, a_step

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.run_rows import INLINE_LIMIT, joined, parted
from batchwork.adapters.dynamodb.runs import DynamoRuns
from batchwork.adapters.packing import bucket as in_bucket
from batchwork.adapters.packing import run_bucket as in_run_bucket
from batchwork.domain.run import FileType, Run, RunFile, RunPlace, RunStatus
from batchwork.ports.workflow_runs import Mark, RunStore

BATCH = a_run_batch(1000)
EXPIRES = AT + RETENTION
#: Too much for a row, also compressed.
LONG = {"text": random.Random(1).randbytes(8_000).hex(), "umlaut": "ü"}


@pytest.fixture(params=["fake", "dynamodb"])
def runs(request: pytest.FixtureRequest) -> RunStore:
    if request.param == "fake":
        return FakeRuns()
    return DynamoRuns(request.getfixturevalue("table"), in_bucket(request.getfixturevalue("bucket")))


@pytest.fixture
def dynamo(table: str, bucket: str) -> DynamoRuns:
    return DynamoRuns(table, in_bucket(bucket), aws.client("dynamodb"))


def run_at(index: int, at: datetime = AT, **changes: Any) -> Run:
    return a_run(index, BATCH, **{"updated_at": at, **changes})


def brief(run: Run) -> Run:
    return replace(run, metadata={}, steps=())


def after(run: Run, **changes: Any) -> Run:
    return replace(run, **{"revision": run.revision + 1, "updated_at": run.updated_at + MILLISECOND, **changes})


def whole_run() -> Run:
    part = RunFile(
        id="file_part",
        name="Grüße 2.pdf",
        type=FileType.PDF,
        created_at=AT,
        page_count=3,
        parent_id="file_whole",
        split={"id": "s1", "type": "invoice", "identifier": "A-1", "startPage": 1, "endPage": 3},
        blob="runs/acme/b/0/part-1",
    )
    return run_at(
        0,
        AT + timedelta(milliseconds=123),
        flow=a_flow(version_name="Third"),
        status=RunStatus.REJECTED,
        name="Grüße 🎉",
        files=(RunFile(id="file_whole", name="a.pdf", type=None, created_at=AT), part),
        metadata={"n": 1.5, "list": [1, None], "umlaut": "ü"},
        steps=(a_step(0), a_step(1, status="FAILED", result=None, config=None)),
        failure_reason="INTERNAL_ERROR",
        failure_message="It broke.",
        started_at=AT + MILLISECOND,
        ended_at=AT + 2 * MILLISECOND,
        settled_at=AT + 3 * MILLISECOND,
        reviewed_by="jane.doe@example.com",
        reviewed_at=AT + 4 * MILLISECOND,
        rejection_note="Not ours",
    )


# ── one run ──


def test_a_run_comes_back_whole(runs: RunStore) -> None:
    run = whole_run()
    assert runs.get(run.place) is None
    assert runs.add(run, EXPIRES)
    assert runs.get(run.place) == run


def test_a_run_with_large_outputs_comes_back_whole(runs: RunStore) -> None:
    run = run_at(0, metadata=LONG, steps=tuple(a_step(n, result=LONG) for n in range(5)))
    runs.add(run, EXPIRES)
    assert runs.get(run.place) == run
    runs.replace(after(run, name="renamed"), EXPIRES)
    assert runs.get(run.place) == after(run, name="renamed")


def test_a_brief_lacks_metadata_and_steps_only(runs: RunStore) -> None:
    run = whole_run()
    runs.add(run, EXPIRES)
    assert runs.briefs([run.place]) == {run.place: brief(run)}


def in_parts(count: int, identifier: str) -> Run:
    """Return a run whose file was cut into parts."""
    run = whole_run()
    parts = (
        replace(run.files[1], id=f"file_part_{number}", split={**(run.files[1].split or {}), "identifier": identifier})
        for number in range(count)
    )
    return replace(run, files=(run.files[0], *parts))


def test_a_brief_names_few_of_many_parts_and_the_run_comes_back_with_all(runs: RunStore) -> None:
    # Break: in_brief, keep every file; or run_rows.document_of, keep none.
    run = in_parts(500, "X" * 200)
    runs.add(run, EXPIRES)
    short = run.files[1].split or {}
    for found in (runs.briefs([run.place])[run.place], listed_runs(runs)[0]):
        assert len(found.files) == 11
        assert found.more_files == 490
        assert found.files[0] == run.files[0]
        assert found.files[10].id == "file_part_9"
        assert found.files[10].split == {**short, "identifier": "X" * 40}
    assert runs.get(run.place) == run
    changed = after(run, name="renamed")
    assert runs.replace(changed, EXPIRES)
    assert runs.get(run.place) == changed


@pytest.mark.parametrize(("parts", "identifier"), [(10, "X" * 41), (10, "X" * 40), (11, "A-1"), (0, "")])
def test_a_run_comes_back_with_its_files_whole(runs: RunStore, parts: int, identifier: str) -> None:
    run = in_parts(parts, identifier)
    runs.add(run, EXPIRES)
    assert runs.get(run.place) == run
    assert runs.briefs([run.place])[run.place].more_files == max(0, parts - 10)


def listed_runs(runs: RunStore) -> list[Run]:
    return runs.updated("acme", None, after=None, until=None, ascending=True, limit=100).runs


def test_many_briefs_are_read_at_once_and_those_that_are_not_there_are_left_out(runs: RunStore) -> None:
    stored = [run_at(index) for index in range(0, 260, 2)]
    for run in stored:
        runs.add(run, EXPIRES)
    places = [RunPlace("acme", BATCH.id, index) for index in range(260)]
    assert runs.briefs([*places, places[0]]) == {run.place: brief(run) for run in stored}
    assert runs.briefs([]) == {}


def test_the_first_row_of_a_run_is_stored_once(runs: RunStore) -> None:
    assert runs.add(run_at(0, name="first"), EXPIRES)
    assert not runs.add(run_at(0, name="second"), EXPIRES)
    stored = runs.get(run_at(0).place)
    assert stored is not None
    assert stored.name == "first"


def test_of_two_that_write_the_first_row_each_keeps_its_own_document(runs: RunStore) -> None:
    # Break: DynamoRuns._document, leave the writer's token out of the key.
    first, second = run_at(0, metadata=LONG), run_at(0, metadata={**LONG, "other": True})
    assert runs.add(first, EXPIRES)
    assert not runs.add(second, EXPIRES)
    assert runs.get(first.place) == first


def test_a_change_follows_the_revision_before_it_and_no_other(runs: RunStore) -> None:
    run = run_at(0)
    assert not runs.replace(after(run), EXPIRES)
    assert runs.get(run.place) is None
    runs.add(run, EXPIRES)
    assert runs.replace(after(run, name="second"), EXPIRES)
    assert not runs.replace(after(run, name="third"), EXPIRES)
    stored = runs.get(run.place)
    assert stored is not None
    assert (stored.name, stored.revision) == ("second", 2)


def test_a_deleted_run_is_remembered_as_such_and_in_no_list(runs: RunStore) -> None:
    run = run_at(0, metadata=LONG)
    runs.add(run, EXPIRES)
    gone = after(run, deleted=True, metadata={}, files=())
    assert runs.replace(gone, EXPIRES)
    stored = runs.get(run.place)
    assert stored is not None
    assert stored.deleted
    assert not runs.add(run, EXPIRES)
    assert runs.briefs([run.place])[run.place].deleted
    assert listed(runs, "acme") == listed(runs, "acme", BATCH.id) == []


def test_another_workspace_finds_and_changes_nothing(runs: RunStore) -> None:
    run = run_at(0)
    runs.add(run, EXPIRES)
    theirs = replace(run.place, workspace_id="other")
    assert runs.get(theirs) is None
    assert runs.briefs([theirs]) == {}
    assert not runs.replace(replace(after(run), place=theirs), EXPIRES)
    assert listed(runs, "other") == listed(runs, "other", BATCH.id) == []


# ── lists ──


def listed(
    runs: RunStore, workspace_id: str, batch_id: str | None = None, *, ascending: bool = False, **given: Any
) -> list[int]:
    """Return the indexes in a list, page by page to its end."""
    found: list[int] = []
    last: Mark | None = given.get("after")
    while True:
        part = runs.updated(
            *(workspace_id, batch_id),
            after=last,
            until=given.get("until"),
            ascending=ascending,
            limit=given.get("limit", 2),
        )
        found += [run.place.index for run in part.runs]
        if not part.more:
            return found
        assert len(part.runs) == given.get("limit", 2)
        last = Mark.of_run(part.runs[-1].updated_at, part.runs[-1].place)


def test_runs_are_listed_by_their_last_write_and_then_by_their_place(runs: RunStore) -> None:
    for index, at in ((0, 3), (1, 1), (2, 2), (10, 2), (9, 2), (100, 2)):
        runs.add(run_at(index, AT + at * MILLISECOND), EXPIRES)
    in_order = [1, 2, 9, 10, 100, 0]
    for batch_id in (None, BATCH.id):
        for limit in (1, 2, 3, 6, 7):
            assert listed(runs, "acme", batch_id, ascending=True, limit=limit) == in_order
            assert listed(runs, "acme", batch_id, limit=limit) == in_order[::-1]


def test_a_list_ends_with_what_was_written_at_a_time(runs: RunStore) -> None:
    for index in range(5):
        runs.add(run_at(index, AT + index * MILLISECOND), EXPIRES)
    until = AT + 3 * MILLISECOND
    assert listed(runs, "acme", until=until) == [3, 2, 1, 0]
    assert listed(runs, "acme", until=until, ascending=True) == [0, 1, 2, 3]
    beyond = Mark(AT + timedelta(hours=1), "workflow_run_z_000")
    assert listed(runs, "acme", until=until, ascending=True, after=beyond) == []


def test_a_run_moves_in_the_lists_when_it_is_written_again(runs: RunStore) -> None:
    for index in range(3):
        runs.add(run_at(index, AT + index * MILLISECOND), EXPIRES)
    runs.replace(after(run_at(0), updated_at=AT + timedelta(seconds=1)), EXPIRES)
    assert listed(runs, "acme") == listed(runs, "acme", BATCH.id) == [0, 2, 1]


def test_the_lists_hold_briefs(runs: RunStore) -> None:
    run = whole_run()
    runs.add(run, EXPIRES)
    for batch_id in (None, BATCH.id):
        part = runs.updated("acme", batch_id, after=None, until=None, ascending=True, limit=1)
        assert (part.runs, part.more) == ([brief(run)], False)


def test_a_run_that_is_still_the_engines_is_in_no_list(runs: RunStore) -> None:
    run = run_at(0, status=RunStatus.PENDING, name="renamed")
    runs.add(run, EXPIRES)
    assert listed(runs, "acme") == listed(runs, "acme", BATCH.id) == []
    runs.replace(after(run, status=RunStatus.PROCESSED), EXPIRES)
    assert listed(runs, "acme") == listed(runs, "acme", BATCH.id) == [0]


def test_the_runs_of_a_batch_that_is_not_told_of_are_found_in_the_workspaces_list_only(runs: RunStore) -> None:
    run = run_at(0, listed=False)
    runs.add(run, EXPIRES)
    assert listed(runs, "acme") == [0]
    assert listed(runs, "acme", BATCH.id) == []
    assert runs.get(run.place) == run


# ── the table's own ──


def rows(table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("dynamodb").scan(TableName=table)["Items"]
    return found


def size_of(row: dict[str, Any]) -> int:
    """Return the bytes of a row by AWS's rule, numbers as their digits."""
    found = 0
    for name, typed in row.items():
        ((kind, value),) = typed.items()
        found += len(name) + (1 if kind == "BOOL" else len(value.encode() if isinstance(value, str) else value))
    return found


def seen(client: Any, operation: str) -> list[dict[str, Any]]:
    """Return what will be asked of DynamoDB."""
    asked: list[dict[str, Any]] = []
    client.meta.events.register(
        f"provide-client-params.dynamodb.{operation}", lambda params, **_: asked.append(dict(params))
    )
    return asked


def test_a_run_is_four_write_units(dynamo: DynamoRuns, table: str) -> None:
    steps = tuple(a_step(number) for number in range(4))
    events = [f"workflow_run.step_run.processed:{number}" for number in range(4)]
    dynamo.add(run_at(999, steps=steps, metadata={"invoice": "4711"}), EXPIRES, *events, "workflow_run.completed")
    (row,) = rows(table)
    assert size_of(row) <= INLINE_LIMIT
    for index in ("list", "group"):
        entry = {name: row[name] for name in ("pk", "sk", f"{index}_pk", f"{index}_sk", "status", "brief")}
        assert size_of(entry) <= 1024


def test_a_run_that_was_cut_into_very_many_parts_is_hardly_more(dynamo: DynamoRuns, table: str) -> None:
    # Break: in_brief, leave identifiers as they are. Chance has no pattern that packing would find.
    chance = random.Random(7)
    run = in_parts(500, "")
    parts = (
        replace(file, split={**(file.split or {}), "identifier": chance.randbytes(100).hex()}) for file in run.files
    )
    dynamo.add(replace(run, files=tuple(parts)), EXPIRES, "workflow_run.completed")
    (row,) = rows(table)
    assert size_of(row) <= INLINE_LIMIT
    for index in ("list", "group"):
        entry = {name: row[name] for name in ("pk", "sk", f"{index}_pk", f"{index}_sk", "status", "brief")}
        assert size_of(entry) <= 1536


@pytest.mark.parametrize("write", ["add", "replace"])
def test_what_was_stored_for_a_row_that_is_refused_is_removed(dynamo: DynamoRuns, bucket: str, write: str) -> None:
    # Break: DynamoRuns._put, leave it: it would outlive the run's deletion.
    run = run_at(0, metadata=LONG)
    assert dynamo.add(run, EXPIRES)
    gone = after(run, deleted=True, metadata={}, files=())
    assert dynamo.replace(gone, EXPIRES)
    in_run_bucket(bucket)().remove(run.place.prefix)
    late = run if write == "add" else after(run, name="late")
    assert not getattr(dynamo, write)(late, EXPIRES)
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("length", [0, 200, 400, 600, 800, 1000, 1200, 2000, 10_000])
def test_a_row_never_passes_two_write_units_and_none_is_cut(dynamo: DynamoRuns, table: str, length: int) -> None:
    run = run_at(0, metadata={"text": LONG["text"][:length]})
    dynamo.add(run, EXPIRES)
    (row,) = rows(table)
    assert size_of(row) <= INLINE_LIMIT
    assert ("spilled" in row) != ("packed" in row)
    assert dynamo.get(run.place) == run


def test_a_run_with_small_outputs_needs_no_bucket(table: str) -> None:
    def never() -> Any:
        raise AssertionError("the bucket was opened")

    dynamo, run = DynamoRuns(table, never), run_at(0)
    dynamo.add(run, EXPIRES)
    assert dynamo.get(run.place) == run


def test_what_is_large_stands_below_the_runs_own_prefix(dynamo: DynamoRuns, bucket: str) -> None:
    run = run_at(1, metadata=LONG)
    dynamo.add(run, EXPIRES)
    (blob,) = aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert blob["Key"].startswith(f"{run.place.prefix}doc-1-")


def test_a_hundred_consecutive_runs_are_one_partition(dynamo: DynamoRuns, table: str) -> None:
    for index in (0, 99, 100):
        dynamo.add(run_at(index), EXPIRES)
    assert sorted((row["pk"]["S"][-2:], row["sk"]["S"]) for row in rows(table)) == [
        ("#0", "000"),
        ("#0", "099"),
        ("#1", "100"),
    ]


def test_a_row_expires(dynamo: DynamoRuns, table: str) -> None:
    dynamo.add(run_at(0), EXPIRES)
    (row,) = rows(table)
    assert row["expires_at"] == {"N": str(int(EXPIRES.timestamp()))}


def test_a_page_is_one_query_of_the_index_that_reads_little_more_than_it_returns(table: str, bucket: str) -> None:
    # Break: DynamoRuns.updated, leave Limit out.
    client = aws.client("dynamodb")
    dynamo = DynamoRuns(table, in_bucket(bucket), client)
    for index in range(60):
        dynamo.add(run_at(index, AT + index * MILLISECOND), EXPIRES)
    asked = seen(client, "*")
    for batch_id, index_name in ((None, keys.LISTING), (BATCH.id, keys.GROUPS)):
        asked.clear()
        part = dynamo.updated("acme", batch_id, after=None, until=AT + timedelta(1), ascending=False, limit=10)
        assert [run.place.index for run in part.runs] == list(range(59, 49, -1))
        (query,) = asked
        assert (query["IndexName"], query["Limit"]) == (index_name, 12)


@pytest.mark.parametrize("write", ["add", "replace"])
def test_a_write_whose_answer_was_lost_and_is_repeated_is_a_success(table: str, bucket: str, write: str) -> None:
    client = aws.client("dynamodb")
    dynamo, run = DynamoRuns(table, in_bucket(bucket), client), run_at(0)
    if write == "replace":
        DynamoRuns(table, in_bucket(bucket), aws.client("dynamodb")).add(run, EXPIRES)
        run = after(run)
    sent: list[int] = []
    client.meta.events.register_first("before-send.dynamodb.PutItem", lambda **_: sent.append(1))
    client.meta.events.register("needs-retry.dynamodb.PutItem", lambda attempts, **_: 0 if attempts == 1 else None)
    assert dynamo.add(run, EXPIRES) if write == "add" else dynamo.replace(run, EXPIRES)
    assert len(sent) == 2


def test_a_document_that_is_removed_while_it_is_read_belonged_to_a_run_that_is_deleted(table: str, bucket: str) -> None:
    # Break: DynamoRuns.get, read the row once only.
    client = aws.client("dynamodb")
    dynamo, other, run = DynamoRuns(table, in_bucket(bucket), client), DynamoRuns(table, in_bucket(bucket)), run_at(0)
    other.add(replace(run, metadata=LONG), EXPIRES)
    overtaken: list[int] = []

    def delete(**_: Any) -> None:
        if not overtaken:
            overtaken.append(1)
            other.replace(after(run, deleted=True), EXPIRES)
            s3 = aws.client("s3")
            for blob in s3.list_objects_v2(Bucket=bucket)["Contents"]:
                s3.delete_object(Bucket=bucket, Key=blob["Key"])

    client.meta.events.register("after-call.dynamodb.GetItem", delete)
    stored = dynamo.get(run.place)
    assert stored is not None
    assert stored.deleted


# ── what the stream tells ──


@pytest.fixture
def image(table: str) -> Callable[[], dict[str, Any]]:
    """Return the one row as the stream's NewImage has it: JSON, in which bytes are base64."""

    def read() -> dict[str, Any]:
        (row,) = rows(table)
        found: dict[str, Any] = json.loads(json.dumps(row, default=lambda raw: base64.b64encode(raw).decode()))
        return found

    return read


@pytest.mark.parametrize("metadata", [{}, LONG])
def test_the_stream_tells_a_run_and_the_events_of_its_last_write_only(
    dynamo: DynamoRuns, image: Callable[[], dict[str, Any]], metadata: dict[str, Any]
) -> None:
    run = replace(whole_run(), metadata=metadata)
    events = ("workflow_run.step_run.processed:0", "workflow_run.step_run.processed:12", "workflow_run.completed")
    dynamo.add(run, EXPIRES, *events)
    written = dynamo.of_image(image())
    assert (written.run, written.events) == (brief(run), events)
    assert written.whole() == run
    assert image()["kind"] == {"S": "RUN"}
    dynamo.replace(after(run), EXPIRES)
    assert "events" not in image()
    assert dynamo.of_image(image()).events == ()


def test_what_the_stream_tells_of_a_run_that_was_deleted_since_is_its_brief_only(
    dynamo: DynamoRuns, image: Callable[[], dict[str, Any]], bucket: str
) -> None:
    run = run_at(0, metadata=LONG)
    dynamo.add(run, EXPIRES, "workflow_run.completed")
    written = dynamo.of_image(image())
    dynamo.replace(after(run, deleted=True), EXPIRES)
    s3 = aws.client("s3")
    for blob in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=blob["Key"])
    assert written.run == brief(run)
    assert written.whole() is None


def test_events_are_kept_short_and_read_in_full() -> None:
    events = [*(f"workflow_run.step_run.processed:{n}" for n in range(12)), "workflow_run.completed"]
    assert joined(events) == "workflow_run.step_run.processed:0,1,2,3,4,5,6,7,8,9,10,11 workflow_run.completed"
    assert parted(joined(events)) == tuple(events)
    assert (joined([]), parted("")) == ("", ())


def test_the_configuration_of_a_step_is_stored_once_however_many_parts_it_ran_for(
    dynamo: DynamoRuns, bucket: str
) -> None:
    # Break: run_rows.document_of, keep each step run's own configuration. Chance has no pattern that packing would find.
    config = {"schema": LONG["text"] + random.Random(2).randbytes(60_000).hex()}
    steps = tuple(replace(a_step(number, config=config), name="extract") for number in range(9))
    run = run_at(0, steps=(*steps, a_step(9, config=None)))
    dynamo.add(run, EXPIRES)
    (blob,) = aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert blob["Size"] < 2 * 68_000
    assert dynamo.get(run.place) == run
