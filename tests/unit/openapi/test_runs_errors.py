"""Errors of the workflow runs family are answered, in both envelopes, as docs/openapi.yaml shows them."""

from __future__ import annotations

from typing import Any

import pytest
from documented import check, document, examples_of, rules
from unit.openapi.runs_counter import RunsCounter
from unit.openapi.test_runs_calls import ALL

from batchwork.domain.errors import (
    AnswerTooLarge,
    BatchworkError,
    BodyTooLarge,
    Conflict,
    IdempotencyKeyReused,
    InvalidRequest,
    MalformedBody,
    NotFound,
    NotPermitted,
    Problem,
    QuotaExceeded,
    RateLimited,
    RequestInFlight,
    ScopeMissing,
    Unauthenticated,
    UnreadableDocument,
    UnsupportedMediaType,
    WorkspaceSuspended,
)
from batchwork.edge.endpoint import BODY_LIMIT
from batchwork.edge.http import Request
from batchwork.families.workflow_runs import errors
from batchwork.families.workflow_runs.dialect import HEADER, Dialect, dialect_of
from batchwork.families.workflow_runs.errors import WorkflowRunsEnvelope


def asked(dialect: str) -> Request:
    """Return a request of a version."""
    return Request(
        method="POST",
        resource="",
        path="",
        headers={HEADER: dialect},
        request_id="6f1c1c52-3c8e-4f0a-9e43-0f5f7d1b7c11",
    )


def invalid(*problems: tuple[str, str]) -> InvalidRequest:
    return InvalidRequest([Problem(place, message, "kind") for place, message in problems])


def refused(reason: str) -> NotPermitted:
    return NotPermitted(reason=reason)


def unknown_version() -> Exception:
    try:
        dialect_of(asked("2023-01-01"))
    except BatchworkError as exc:
        return exc
    raise AssertionError("it is taken")


NO_KEY = invalid(("Idempotency-Key", WorkflowRunsEnvelope.keys.message))
VERSION = unknown_version()
NO_JSON = MalformedBody(detail="EOF while parsing a list at line 1 column 12")
TOKEN = invalid(("nextPageToken", "Is no token of this list; filters and order must be those of its first page"))
SIZE = invalid(("maxPageSize", "Must be a whole number from 1 to 1000"))
INPUTS = invalid(
    ("inputs.17", "Must have exactly one of file and rawText"),
    ("inputs.18.file.fileUrl", "The URL must be an HTTPS URL"),
)
TOO_MANY = invalid(("inputs", "List should have at most 1000 items after validation, not 1001"))
FLOW_VERSION = invalid(("version", 'Must be the number of a version, "1" to "999999999", or "draft"'))
STEPS = invalid(
    ("steps[2].config.rules[0].formula", "cannot be read: the formula is empty"),
    ("steps[1].next[0].step", "names 'chekc', and there is no such step"),
)
#: Component of the document → (status, the errors that it shows, by the names of its examples).
SHOWN: dict[str, tuple[int, dict[str, Exception]]] = {
    "RunsBodyRefused": (
        400,
        {"inputs": INPUTS, "tooMany": TOO_MANY, "workflowVersion": FLOW_VERSION, "json": NO_JSON, "key": NO_KEY},
    ),
    "RunsVersionRefused": (400, {"version": VERSION}),
    "RunsCallRefused": (400, {"version": VERSION, "key": NO_KEY}),
    "RunsQueryRefused": (400, {"size": SIZE, "token": TOKEN, "version": VERSION}),
    "RunChangeRefused": (
        400,
        {
            "metadata": invalid(("metadata", "Must have at most 10240 bytes of JSON (10 KB), not 11008")),
            "merged": invalid(("metadata", "Must not be more than 65536 bytes of JSON together with what the run has")),
            "key": NO_KEY,
        },
    ),
    "RunStateRefused": (
        400,
        {
            "ended": refused(
                "Only workflow runs that are PENDING or PROCESSING can be cancelled; this one is CANCELLED"
            ),
            "open": refused("A workflow run that is PENDING cannot be deleted; cancel it first"),
        },
    ),
    "RunReviewRefused": (
        400,
        {
            "state": refused("Only workflow runs that are NEEDS_REVIEW can be reviewed; this one is CANCELLED"),
            "decision": invalid(("decision", "Input should be 'approve' or 'reject'")),
        },
    ),
    "RunBatchStateRefused": (
        400,
        {
            "ended": refused("Only batches that are PENDING or PROCESSING can be cancelled; this one is PROCESSED"),
            "key": NO_KEY,
        },
    ),
    "WorkflowRefused": (400, {"steps": STEPS, "name": invalid(("name", "Field required")), "key": NO_KEY}),
    "FlowFileRefused": (
        400,
        {
            "type": invalid(("file", "The file cannot be read: programs are not supported")),
            "convert": invalid(
                (
                    "convertToPdf",
                    "Only PDFs can be uploaded with it: this file is CSV, and files are not converted",
                )
            ),
            "missing": invalid(("file", "Field required")),
        },
    ),
    "AnnouncementRefused": (
        400,
        {
            "size": invalid(("size", "Input should be less than or equal to 20971520")),
            "contentType": invalid(("contentType", "Must be a media type, such as application/pdf")),
        },
    ),
    "FlowFileUnreadable": (
        400,
        {
            "unreadable": UnreadableDocument(name="invoices.pdf", reason="it is of no type that is supported"),
            "flag": invalid(("rawText", "Must be true or false")),
        },
    ),
    "FlowFileKept": (400, {"ofRun": refused("The file of a run goes with its run; delete the run instead")}),
    "RunEndpointRefused": (
        400,
        {
            "event": invalid(
                (
                    "enabledEvents.0",
                    "Is told of one workflow at a time: subscribe to it by POST /webhook_subscriptions",
                )
            ),
            "immutable": invalid(("apiVersion", "Cannot be changed; make another endpoint")),
            "full": refused("A workspace has at most 50 webhooks; delete one first"),
        },
    ),
    "RunTrialRefused": (
        400,
        {"event": invalid(("eventType", "Is told only to endpoints of 2026-02-09; this one is of 2025-04-21"))},
    ),
    "RunRotationRefused": (
        400,
        {
            "overlap": refused(
                "The secret was rotated already and the one before still signs; "
                "wait until its overlap is over, or rotate without an overlap"
            ),
        },
    ),
    "RunRecoveryRefused": (
        400,
        {
            "disabled": refused("This webhook is disabled, so nothing is sent to it; enable it first"),
            "time": invalid(("since", "Must have passed")),
        },
    ),
    "RunReplayRefused": (
        400,
        {
            "pending": refused("An attempt of this delivery is being made right now; see what comes of it"),
            "gone": refused("The payload of this delivery is no longer kept"),
        },
    ),
    "SubscriptionRefused": (
        400,
        {
            "event": invalid(("enabledEvents.0", "Is told only to endpoints of 2026-02-09; this one is of 2025-04-21")),
            "full": refused("A workspace has at most 500 webhook subscriptions; delete one first"),
        },
    ),
    "RunsUnauthorized": (401, {"key": Unauthenticated()}),
    "RunsOverQuota": (402, {"quota": QuotaExceeded(quota=10_000, used=9_995, units=10)}),
    "RunsForbidden": (
        403,
        {"scope": ScopeMissing(scope="workflow_runs:write"), "suspended": WorkspaceSuspended()},
    ),
    "RunsWorkflowNotFound": (
        404,
        {"workflow": NotFound(what="Workflow"), "version": NotFound(what="Workflow version")},
    ),
    "RunNotFound": (404, {"run": NotFound(what="Workflow run")}),
    "RunBatchNotFound": (404, {"batch": NotFound(what="Batch")}),
    "FlowFileNotFound": (404, {"file": NotFound(what="File")}),
    "RunEndpointNotFound": (404, {"endpoint": NotFound(what="Webhook")}),
    "RunDeliveryNotFound": (404, {"delivery": NotFound(what="Delivery"), "endpoint": NotFound(what="Webhook")}),
    "SubscribedNotFound": (
        404,
        {"endpoint": NotFound(what="Webhook endpoint"), "workflow": NotFound(what="Workflow")},
    ),
    "SubscriptionNotFound": (404, {"subscription": NotFound(what="Webhook subscription")}),
    "RunsInFlight": (409, {"key": RequestInFlight()}),
    "RunsConflict": (409, {"changed": Conflict(what="The workflow run"), "key": RequestInFlight()}),
    "RunsTooLarge": (413, {"body": BodyTooLarge(received=BODY_LIMIT + 1, limit=BODY_LIMIT)}),
    "RunsWrongMediaType": (415, {"csv": UnsupportedMediaType(expected="application/json", received="text/csv")}),
    "RunsNoForm": (415, {"json": UnsupportedMediaType(expected="multipart/form-data", received="application/json")}),
    "RunsKeyReused": (422, {"key": IdempotencyKeyReused()}),
    "RunsRateLimited": (429, {"minute": RateLimited(window="minute", limit=120)}),
    "RunsServerError": (500, {"unexpected": ValueError("unexpected")}),
}


def shown(name: str) -> dict[str, Any]:
    """Return the examples of a component by name, those of 2026-02-09 with ``2026`` after it."""
    media = document()["components"]["responses"][name]["content"]["application/json"]
    assert media["schema"] == {"$ref": "#/components/schemas/RunsError"}
    return {name: example["value"] for name, example in media["examples"].items()}


@pytest.mark.parametrize("name", SHOWN)
def test_an_error_is_answered_as_the_document_shows_it(name: str) -> None:
    status, excs = SHOWN[name]
    answers = {}
    for called, exc in excs.items():
        for dialect in (Dialect.V2025, Dialect.V2026):
            answer = WorkflowRunsEnvelope().error(exc, asked(dialect))
            assert answer.status == status
            answers[f"{called}2026" if dialect is Dialect.V2026 else called] = answer.body
    # Both envelopes are shown of the first error, that of the seed of each.
    told = shown(name)
    assert told.keys() == {*excs, f"{next(iter(excs))}2026"}
    assert told == {called: answers[called] for called in told}


#: What is answered in states that are far away, or of what is checked before any call.
FAR = {("RunEndpointRefused", "full"), ("SubscriptionRefused", "full"), ("RunReplayRefused", "gone")}


def test_the_refusals_that_are_shown_are_those_of_the_calls() -> None:
    counter = RunsCounter()
    for calls in ALL:
        calls(counter)
    invented = {
        (name, called)
        for name, (status, excs) in SHOWN.items()
        for called in excs
        if status in {400, 404} and (status, shown(name)[called]["error"]) not in counter.refusals
    }
    assert invented == FAR


def test_every_error_of_the_family_is_shown_here() -> None:
    responses = document()["components"]["responses"]
    told = {
        name
        for name, response in responses.items()
        if "RunsError" in str(response.get("content", {}).get("application/json", {}).get("schema"))
    }
    assert told == SHOWN.keys()
    assert all(examples_of(responses[name]) for name in told)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("kind", errors.TABLE, ids=lambda kind: kind.__name__)
def test_every_error_has_the_documented_form(kind: type[BatchworkError], dialect: Dialect) -> None:
    exc = kind.__new__(kind)
    exc.facts = {}
    exc.problems = [Problem("x", "m", "k")] * 500  # type: ignore[attr-defined] # of an InvalidRequest
    Exception.__init__(exc, "A message.")
    answer = WorkflowRunsEnvelope().error(exc, asked(dialect))
    check("Error2026" if dialect is Dialect.V2026 else "LegacyError", answer.body)


def test_the_codes_of_2026_are_those_of_the_code() -> None:
    told = document()["components"]["schemas"]["Error2026"]["properties"]["code"]["enum"]
    assert set(told) == {code for _, code in errors.TABLE.values()} | {errors.UNEXPECTED[1]}


def test_an_answer_that_is_too_large_is_a_refusal_of_the_call() -> None:
    answer = WorkflowRunsEnvelope().error(AnswerTooLarge(size=6_291_456, limit=5_500_000), asked(Dialect.V2026))
    assert answer.status == 400


def test_the_two_envelopes_are_not_taken_for_each_other() -> None:
    schema = rules({"$ref": "#/components/schemas/RunsError"})
    assert not schema.is_valid({"success": False, "error": "x", "code": "NOT_FOUND"})
    assert not schema.is_valid({"success": True, "error": "x"})
