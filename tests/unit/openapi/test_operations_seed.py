"""docs/openapi.yaml shows what the seed document shows (seed 000), to the letter."""

from __future__ import annotations

import json

import pytest
from documented import examples_of
from unit.openapi.counter import documented, example_of

#: The seed document's answers, to the letter: (path, verb, status, answer).
SEED = [
    (
        "post",
        "/v1/batch",
        "200",
        """{
"results": [
{ "id": "create-post", "status": 201, "body": { "id": "clxnew...", "status": "draft" } },
{ "id": "delete-old", "status": 204, "body": null }
],
"summary": { "total": 2, "succeeded": 2, "failed": 0, "skipped": 0 }
}""",
    ),
    ("post", "/v1/batch", "422", '{ "error": "Operation body must not exceed 100KB" }'),
    (
        "get",
        "/v1/batch/limits",
        "200",
        """{
"maxOperations": 100,
"timeoutMs": 60000,
"allowedMethods": ["POST", "PATCH", "DELETE"],
"allowedPaths": [
"/v1/posts",
"/v1/accounts",
"/v1/media",
"/v1/webhooks"
]
}""",
    ),
    (
        "post",
        "/v1/batch/async",
        "202",
        """{
"data": {
"jobId": "clrjob1234567890abc",
"status": "QUEUED",
"createdAt": "2026-04-09T12:00:00.000Z"
}
}""",
    ),
    (
        "get",
        "/v1/batch/async/{job_id}",
        "200",
        """{
"data": {
"id": "clrjob1234567890abc",
"status": "PROCESSING",
"results": null,
"summary": null,
"error": null,
"createdAt": "2026-04-09T12:00:00.000Z",
"startedAt": "2026-04-09T12:00:01.000Z",
"completedAt": null
}
}""",
    ),
    (
        "get",
        "/v1/batch/async/{job_id}",
        "200",
        """{
"data": {
"id": "clrjob1234567890abc",
"status": "COMPLETED",
"results": [
{ "id": "op1", "status": 201, "body": { "id": "clxnew..." } }
],
"summary": { "total": 1, "succeeded": 1, "failed": 0, "skipped": 0 },
"error": null,
"createdAt": "2026-04-09T12:00:00.000Z",
"startedAt": "2026-04-09T12:00:01.000Z",
"completedAt": "2026-04-09T12:00:03.000Z"
}
}""",
    ),
    (
        "get",
        "/v1/batch/async",
        "200",
        """{
"data": [
{
"id": "clrjob1234567890abc",
"status": "COMPLETED",
"summary": { "total": 5, "succeeded": 4, "failed": 1, "skipped": 0 },
"error": null,
"createdAt": "2026-04-09T12:00:00.000Z",
"startedAt": "2026-04-09T12:00:01.000Z",
"completedAt": "2026-04-09T12:00:05.000Z"
}
]
}""",
    ),
]
#: The seed document's request, to the letter.
SEED_REQUEST = """{
"operations": [
{
"id": "create-post",
"method": "POST",
"path": "/v1/posts",
"body": {
"content": "Hello from batch!",
"accountIds": ["acc_123"]
}
},
{
"id": "delete-old",
"method": "DELETE",
"path": "/v1/posts/clxold1234567890"
}
],
"continueOnError": true,
"parallel": false
}"""


@pytest.mark.parametrize(("verb", "path", "status", "answer"), SEED)
def test_the_seeds_answers_are_the_documents(verb: str, path: str, status: str, answer: str) -> None:
    examples = examples_of(documented()[verb, path]["responses"][status])
    ordered = [json.dumps(example) for example in examples]
    assert json.dumps(json.loads(answer)) in ordered, "the order of fields counts too"


def test_the_seeds_request_is_the_documents() -> None:
    for path in ("/v1/batch", "/v1/batch/transaction", "/v1/batch/dry-run", "/v1/batch/async"):
        assert json.dumps(example_of("post", path)) == json.dumps(json.loads(SEED_REQUEST))
