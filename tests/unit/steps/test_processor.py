"""What is done to an item of a batch of runs: every step in order, one row at its end, and what may pass tried again."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.egress import Sent
from run_world import a_run, retryable
from unit.steps.stand import Stand, steps_after_parse
from unit.steps.tasks import MODEL

from batchwork.domain.errors import EngineFailed
from batchwork.domain.item import Failure, ItemError, Json, Result, Success
from batchwork.domain.run import Run, RunPlace, RunStatus
from batchwork.domain.run_input import RunInput
from batchwork.ports import Answer

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}, "number": {"type": "string"}}}
EXTRACT: Json = {"name": "extract", "type": "EXTRACT", "config": {"extractorConfig": {"schema": SCHEMA}}}
POSITIVE = {
    "name": "rules",
    "type": "RULE_VALIDATION",
    "config": {"rules": [{"name": "r", "formula": "extract.total > 0"}]},
}
CLASSES = [
    {"id": "cls_invoice", "type": "invoice", "description": "Invoices"},
    {"id": "cls_receipt", "type": "receipt", "description": "Receipts"},
]
TEXT = RunInput(file_name="file.txt", text="Total: 5\nNumber: 7", metadata={"order": 1})


@pytest.fixture
def stand() -> Stand:
    return Stand()


def leads(*pairs: tuple[str, str, str]) -> list[Json]:
    return [{"step": step, key: value} for step, key, value in pairs]


def names(run: Run) -> list[str]:
    return [step.name for step in run.steps]


def test_a_run_goes_through_its_steps_and_its_row_tells_of_each(stand: Stand) -> None:
    batch, (item,) = stand.batch(steps_after_parse(EXTRACT), TEXT)
    stand.clock.pass_(timedelta(seconds=5))
    outcome, run = stand.process(batch, item)
    assert outcome == Success({"status": "PROCESSED"})
    assert run is not None
    assert (run.status, run.revision, run.metadata) == (RunStatus.PROCESSED, 1, {"order": 1})
    assert run.started_at == run.ended_at == stand.clock.now()
    place = run.place
    parse, extract = run.steps
    assert (parse.id, extract.id) == tuple(f"workflow_step_run_{place.batch_id}_{place.index}_{n}" for n in range(2))
    assert (parse.type, parse.status, parse.file_ids) == ("PARSE", "PROCESSED", (place.file_id,))
    assert (extract.result or {})["output"]["value"] == {"total": 5, "number": "7"}
    assert extract.config == {"schema": SCHEMA}
    (file,) = run.files
    assert (file.id, file.name, str(file.type), file.blob) == (place.file_id, "file.txt", "TXT", None)
    assert not stand.blobs.kept


def test_the_end_of_a_run_is_told_with_its_steps(stand: Stand) -> None:
    stand.work(steps_after_parse(EXTRACT), TEXT)
    ((_, events),) = stand.runs.told
    assert events == (
        "workflow_run.completed",
        "workflow_run.step_run.processed:0",
        "workflow_run.step_run.processed:1",
    )


def test_a_failed_rule_has_a_person_look_at_the_end_of_the_run(stand: Stand) -> None:
    after = {"name": "again", "type": "EXTRACT", "config": EXTRACT["config"]}
    rules = {**POSITIVE, "next": leads(("again", "result", "fail"))}
    run = stand.run(steps_after_parse(EXTRACT, rules, after), "Total: -5")
    assert run.status is RunStatus.NEEDS_REVIEW
    assert names(run) == ["parse", "extract", "rules", "again"]
    passed = stand.run(steps_after_parse(EXTRACT, rules, after), "Total: 5")
    assert (passed.status, names(passed)) == (RunStatus.PROCESSED, ["parse", "extract", "rules"])


def test_a_review_step_ends_the_run_as_one_to_be_reviewed(stand: Stand) -> None:
    run = stand.run(steps_after_parse(EXTRACT, {"name": "review", "type": "HUMAN_REVIEW"}), "Total: 5")
    assert (run.status, names(run)) == (RunStatus.NEEDS_REVIEW, ["parse", "extract"])


def test_a_file_goes_where_its_class_leads(stand: Stand) -> None:
    steps = steps_after_parse(
        {
            "name": "classify",
            "type": "CLASSIFY",
            "config": {"classifierConfig": {"classifications": CLASSES}},
            "next": leads(("one", "classificationId", "cls_invoice"), ("two", "classificationId", "cls_receipt")),
        },
        {**EXTRACT, "name": "one", "next": []},
        {**EXTRACT, "name": "two", "next": []},
    )
    assert names(stand.run(steps, "receipt")) == ["parse", "classify", "two"]
    assert names(stand.run(steps, "invoice")) == ["parse", "classify", "one"]


def test_several_ways_from_one_step_are_gone_one_after_the_other_and_meet_once(stand: Stand) -> None:
    steps = steps_after_parse(
        {**EXTRACT, "name": "one", "next": [{"step": "last"}, {"step": "two"}]},
        {**EXTRACT, "name": "two", "next": [{"step": "last"}]},
        {**POSITIVE, "name": "last", "config": {"rules": [{"name": "r", "formula": "one.total = two.total"}]}},
    )
    run = stand.run(steps, "Total: 5")
    assert (run.status, names(run)) == (RunStatus.PROCESSED, ["parse", "one", "two", "last"])


def test_conditions_and_routers_lead_by_what_was_found(stand: Stand) -> None:
    large = {
        "id": "large",
        "type": "IF",
        "operation": "GTE",
        "leftOperand": "{{extract.output.value.total}}",
        "rightOperand": "9",
    }
    steps = steps_after_parse(
        EXTRACT,
        {
            "name": "size",
            "type": "CONDITIONAL",
            "config": {"conditions": [large, {"id": "small", "type": "ELSE"}]},
            "next": leads(("review", "conditionId", "large"), ("router", "conditionId", "small")),
        },
        {
            "name": "router",
            "type": "ROUTER",
            "config": {"branches": [{"id": "odd", "formula": "MOD(extract.total, 2) = 1"}]},
            "next": leads(("webhook", "branchId", "odd"), ("review", "branchId", "otherwise")),
        },
        {"name": "webhook", "type": "WEBHOOK_RESPONSE", "next": []},
        {"name": "review", "type": "HUMAN_REVIEW"},
    )
    assert names(stand.run(steps, "Total: 10")) == ["parse", "extract"]
    assert stand.run(steps, "Total: 10").status is RunStatus.NEEDS_REVIEW
    odd = stand.run(steps, "Total: 5")
    assert (odd.status, names(odd)) == (RunStatus.PROCESSED, ["parse", "extract", "router"])
    assert stand.run(steps, "Total: 4").status is RunStatus.NEEDS_REVIEW


def a_splitting_flow(*after: Json) -> list[Json]:
    return steps_after_parse(
        {
            "name": "split",
            "type": "SPLIT",
            "config": {"splitterConfig": {"splitClassifications": CLASSES}},
            "next": leads(("extract", "classificationId", "cls_invoice")),
        },
        EXTRACT,
        *after,
    )


def test_what_follows_a_split_is_done_once_a_part_of_its_class(stand: Stand) -> None:
    run = stand.run(a_splitting_flow(), "Invoice\nTotal: 1\fReceipt\nTotal: 2\fInvoice\nTotal: 3")
    base = run.place.file_id
    assert [(step.name, step.file_ids[0]) for step in run.steps] == [
        ("parse", base),
        ("split", base),
        ("extract", f"{base}_1"),
        ("extract", f"{base}_3"),
    ]
    totals = [(step.result or {})["output"]["value"]["total"] for step in run.steps[2:]]
    assert totals == [1, 3]
    assert [file.id for file in run.files] == [base, f"{base}_1", f"{base}_2", f"{base}_3"]
    assert [file.parent_id for file in run.files] == [None, base, base, base]
    assert all(file.blob in stand.blobs.kept for file in run.files[1:])


def test_after_a_collect_the_whole_goes_on_once_with_what_was_found_in_all_parts(stand: Stand) -> None:
    rules = {"rules": [{"name": "sum", "formula": "SUM(extract.total) = 4 AND split.count = 2"}]}
    steps = a_splitting_flow(
        {"name": "collect", "type": "COLLECT"}, {"name": "check", "type": "RULE_VALIDATION", "config": rules}
    )
    run = stand.run(steps, "Invoice\nTotal: 1\fInvoice\nTotal: 3")
    assert names(run) == ["parse", "split", "extract", "extract", "check"]
    assert run.steps[-1].file_ids == (run.place.file_id,)
    assert run.status is RunStatus.PROCESSED


def test_parts_of_a_second_try_have_the_same_ids_and_bytes(stand: Stand) -> None:
    batch, (item,) = stand.batch(
        a_splitting_flow(), RunInput(file_name="f", text="Invoice\nTotal: 1\fInvoice\nTotal: 3")
    )
    _, first = stand.process(batch, item)
    kept = dict(stand.blobs.kept)
    stand.runs.stored.clear()
    _, second = stand.process(batch, item, attempt=2)
    assert first == second
    assert stand.blobs.kept == kept


def test_a_run_that_cannot_be_read_fails_for_good_and_says_why(stand: Stand) -> None:
    outcome, run = stand.work(steps_after_parse(EXTRACT), RunInput(file_name="file.txt", text="a\0b"))
    assert run is not None
    assert isinstance(outcome, Failure)
    assert (outcome.error.code, outcome.retryable) == (400, False)
    assert (run.status, run.failure_reason) == (RunStatus.FAILED, "FILE_TYPE_NOT_SUPPORTED")
    assert run.failure_message == "file.txt cannot be read: it is not text."
    (parse,) = run.steps
    assert (parse.status, parse.result) == (
        "FAILED",
        {"failureReason": "FILE_TYPE_NOT_SUPPORTED", "failureMessage": run.failure_message},
    )
    ((_, events),) = stand.runs.told
    assert events == ("workflow_run.failed",)


def a_check(behavior: str = "EXIT") -> Json:
    options = {"url": "https://erp.example.com/check", "method": "POST", "headers": {"A": "{{secrets.token}}"}}
    config = {"requestOptions": options, "failureBehavior": behavior}
    return {"name": "check", "type": "EXTERNAL_DATA_VALIDATION", "config": config}


def failing(stand: Stand, status: int = 503) -> None:
    stand.egress.receivers["https://erp.example.com"] = lambda _: Answer(status)
    stand.egress.names["erp.example.com"] = ["93.184.216.34"]


def test_what_may_pass_is_tried_again_without_a_row_and_at_last_fails_with_one(stand: Stand) -> None:
    failing(stand, 500)
    given = replace(TEXT, secrets={"token": "s3cr3t"})
    batch, (item,) = stand.batch(steps_after_parse(a_check()), given)
    for attempt in (1, 2):
        outcome, run = stand.process(batch, item, attempt=attempt)
        assert isinstance(outcome, Failure)
        assert outcome.retryable
        assert run is None
    outcome, run = stand.process(batch, item, attempt=3)
    assert isinstance(outcome, Failure)
    assert not outcome.retryable
    assert run is not None
    assert (run.status, run.failure_reason) == (RunStatus.FAILED, "EXTERNAL_DATA_VALIDATION_FAILED")
    assert names(run) == ["parse", "check"]
    assert "s3cr3t" not in repr(run)


def test_a_check_that_is_to_go_on_does_at_the_last_try(stand: Stand) -> None:
    failing(stand)
    given = replace(TEXT, secrets={"token": "s3cr3t"})
    outcome, run = stand.work(steps_after_parse(a_check("CONTINUE"), {**EXTRACT}), given, attempt=3)
    assert outcome == Success({"status": "PROCESSED"})
    assert run is not None
    assert names(run) == ["parse", "check", "extract"]


def test_a_run_that_was_settled_before_is_not_worked_again(stand: Stand) -> None:
    batch, (item,) = stand.batch(steps_after_parse(a_check()), replace(TEXT, secrets={"token": "x"}))
    failing(stand)
    stand.egress.receivers["https://erp.example.com"] = lambda _: Answer(200, body=b"{}")
    stand.process(batch, item)
    outcome, _ = stand.process(batch, item, attempt=2)
    assert outcome == Success({"status": "PROCESSED"})
    assert len(stand.runs.told) == 1
    assert len(stand.egress.sent) == 1


@pytest.mark.parametrize("change", [{"status": RunStatus.CANCELLED}, {"deleted": True, "status": RunStatus.PROCESSED}])
def test_a_run_that_a_client_cancelled_or_deleted_is_not_worked(stand: Stand, change: Json) -> None:
    failing(stand)
    batch, (item,) = stand.batch(steps_after_parse(a_check()), TEXT)
    place = RunPlace("acme", batch.id, 0)
    stand.runs.stored[place] = a_run(0, batch, **change)
    outcome, run = stand.process(batch, item)
    assert isinstance(outcome, Failure)
    assert outcome.error.code == 499
    assert run == stand.runs.stored[place]
    assert not stand.egress.sent


@pytest.mark.parametrize("amid", ["before", "between two steps", "in the last step", "in a step that fails"])
def test_nothing_is_left_of_a_run_that_a_client_deleted_while_it_was_worked(stand: Stand, amid: str) -> None:
    """Break: RunsProcessor._outcome, remove nothing."""
    steps = (
        [a_check()]
        if amid in {"in the last step", "in a step that fails"}
        else [a_check(), {**a_check(), "name": "again"}]
    )
    batch, (item,) = stand.batch(steps_after_parse(*steps), replace(TEXT, secrets={"token": "x"}))
    place, other = RunPlace("acme", batch.id, 0), "runs/acme/other/0/source"
    stand.blobs.put(other, b"another run's")

    def deleted_meanwhile(sent: Sent | None) -> Answer:
        stand.runs.stored[place] = a_run(0, batch, deleted=True, status=RunStatus.CANCELLED)
        stand.blobs.put(f"{place.prefix}part-1", b"what a step stores after the files of the run were removed")
        if sent is not None:
            stand.clock.pass_(timedelta(seconds=3))
        return Answer(400 if amid == "in a step that fails" else 200, body=b"{}")

    failing(stand)
    stand.egress.receivers["https://erp.example.com"] = deleted_meanwhile
    if amid == "before":
        deleted_meanwhile(None)
    outcome, _ = stand.process(batch, item)
    assert isinstance(outcome, Failure)
    assert outcome.error.code == 499
    assert list(stand.blobs.kept) == [other]


def test_a_name_and_metadata_that_a_client_changed_stay(stand: Stand) -> None:
    batch, (item,) = stand.batch(steps_after_parse(EXTRACT), TEXT)
    place = RunPlace("acme", batch.id, 0)
    changed = a_run(0, batch, status=RunStatus.PENDING, name="New", metadata={"order": 2}, settled_at=None)
    stand.runs.stored[place] = changed
    outcome, run = stand.process(batch, item)
    assert outcome == Success({"status": "PROCESSED"})
    assert run is not None
    assert (run.name, run.metadata, run.revision) == ("New", {"order": 2}, 2)


def test_a_cancel_amid_the_run_stops_it_between_two_steps(stand: Stand) -> None:
    second = {**a_check(), "name": "again"}
    batch, (item,) = stand.batch(steps_after_parse(a_check(), second), replace(TEXT, secrets={"token": "x"}))
    place = RunPlace("acme", batch.id, 0)

    def cancelled_meanwhile(sent: Sent) -> Answer:
        stand.clock.pass_(timedelta(seconds=3))
        stand.runs.stored[place] = a_run(0, batch, status=RunStatus.CANCELLED)
        return Answer(200, body=b"{}")

    failing(stand)
    stand.egress.receivers["https://erp.example.com"] = cancelled_meanwhile
    outcome, run = stand.process(batch, item)
    assert isinstance(outcome, Failure)
    assert outcome.error.code == 499
    assert run is not None
    assert (run.status, run.steps) == (RunStatus.CANCELLED, ())
    assert len(stand.egress.sent) == 1


def test_a_run_has_one_deadline_for_all_of_its_steps(stand: Stand) -> None:
    batch, (item,) = stand.batch(steps_after_parse(a_check(), EXTRACT), replace(TEXT, secrets={"token": "x"}))

    def slow(sent: Sent) -> Answer:
        stand.clock.pass_(stand.timeout)
        return Answer(200, body=b"{}")

    failing(stand)
    stand.egress.receivers["https://erp.example.com"] = slow
    outcome, run = stand.process(batch, item)
    assert outcome == Failure(ItemError(408, "The run took too long"), retryable=True)
    assert run is None


def test_a_draft_whose_step_lacks_its_configuration_fails_the_run(stand: Stand) -> None:
    run = stand.run(steps_after_parse({"name": "extract", "type": "EXTRACT"}), "Total: 5")
    assert (run.status, run.failure_reason) == (RunStatus.FAILED, "INVALID_CONFIGURATION")
    assert run.failure_message == "Step extract has no configuration yet"


def test_a_batch_whose_version_is_gone_cannot_be_worked(stand: Stand) -> None:
    batch, (item,) = stand.batch(steps_after_parse(), TEXT)
    stand.versions.remove("acme", batch.attributes["version_id"])
    with pytest.raises(EngineFailed, match="gone"):
        stand.process(batch, item)


def test_an_input_that_is_gone_fails_the_run(stand: Stand) -> None:
    _, run = stand.work(steps_after_parse(), RunInput(file_name="x"))
    assert run is not None
    assert (run.status, run.failure_reason) == (RunStatus.FAILED, "INTERNAL_ERROR")


def test_what_ended_without_a_row_gets_one(stand: Stand) -> None:
    batch, (item,) = stand.batch(steps_after_parse(), TEXT)
    result = Result(index=0, finished_at=stand.clock.now(), attempts=3, error=retryable(502).error)
    stand.processor.keep(batch, [(item, result)])
    row = stand.row(batch, item)
    assert row is not None
    assert row.status is RunStatus.FAILED


def test_each_try_asks_a_model_anew(stand: Stand) -> None:
    config = {**EXTRACT["config"], "model": MODEL}
    batch, (item,) = stand.batch(steps_after_parse({**EXTRACT, "config": config}), TEXT)
    for attempt in (1, 1, 2):
        stand.process(batch, item, attempt=attempt)
    first, same, second = stand.provider.tokens
    assert first == same != second


def test_nothing_of_a_run_stays_in_memory_once_it_ended(stand: Stand) -> None:
    texts = [RunInput(file_name="f", text=f"Total: {number}\n" + "x" * 50_000) for number in range(60)]
    batch, items = stand.batch(steps_after_parse(EXTRACT), *texts)
    for item in items[:10]:
        stand.process(batch, item)
    stand.runs.stored.clear()
    stand.runs.told.clear()
    gc.collect()
    tracemalloc.start()
    try:
        for item in items[10:]:
            stand.process(batch, item)
            stand.runs.stored.clear()
            stand.runs.told.clear()
            stand.runs.expiries.clear()
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 300_000  # fifty runs of 50 KB


@pytest.mark.parametrize(("status", "tries"), [(429, 8), (503, 8), (500, 3), (404, 1)])
def test_a_busy_host_is_asked_for_longer_than_one_that_fails(stand: Stand, status: int, tries: int) -> None:
    given = replace(TEXT, text=None, url="https://files.example.com/a.txt")
    batch, (item,) = stand.batch(steps_after_parse(), given)
    stand.egress.receivers["https://files.example.com"] = lambda _: Answer(status, retry_after=timedelta(seconds=9))
    stand.egress.names["files.example.com"] = ["93.184.216.34"]
    for attempt in range(1, tries):
        outcome, run = stand.process(batch, item, attempt=attempt)
        assert isinstance(outcome, Failure)
        assert (outcome.retryable, outcome.retry_after, run) == (True, timedelta(seconds=9), None)
    outcome, run = stand.process(batch, item, attempt=tries)
    assert isinstance(outcome, Failure)
    assert not outcome.retryable
    assert run is not None
    assert (run.status, run.failure_reason) == (RunStatus.FAILED, "UNABLE_TO_DOWNLOAD_FILE")


def test_a_file_that_says_it_is_too_large_is_not_asked_for_again(stand: Stand) -> None:
    given = replace(TEXT, text=None, url="https://files.example.com/a.txt")
    batch, (item,) = stand.batch(steps_after_parse(), given)
    stand.egress.receivers["https://files.example.com"] = lambda _: Answer(200, body=b"x", cut=True, length=300_000_000)
    stand.egress.names["files.example.com"] = ["93.184.216.34"]
    outcome, run = stand.process(batch, item)
    assert isinstance(outcome, Failure)
    assert not outcome.retryable
    assert run is not None
    assert run.failure_reason == "FILE_SIZE_TOO_LARGE"
