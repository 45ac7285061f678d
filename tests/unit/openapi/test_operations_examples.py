"""The examples of the operations family's answers are what the code answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from desk import Desk, make
from documented import examples_of, resolved
from unit.openapi.counter import A_POST, AN_ACCOUNT, GONE, Counter, documented

from batchwork.domain.operation import Ended, Operation
from batchwork.edge.endpoint import ANSWER_LIMIT
from batchwork.edge.http import Request
from batchwork.families.operations.accounts import account_object
from batchwork.families.operations.batches import patience_of
from batchwork.families.operations.post_answers import post_object
from batchwork.families.operations.presenters import batch_answer
from batchwork.families.operations.schemas import asked


def shown(verb: str, path: str, name: str, status: str = "200") -> Any:
    """Return an example of an answer by its name."""
    told = documented()[verb, path]["responses"][status]["content"]["application/json"]
    return told["examples"][name]["value"] if "examples" in told else told["example"]


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_what_a_failure_does_to_its_dependants_is_shown_as_it_is_answered() -> None:
    dependant = {**make("create-post"), "dependsOn": ["delete-old"]}
    assert Desk().batch([GONE, dependant]).body == shown("post", "/v1/batch", "failed")


def test_a_transaction_that_stops_is_shown_as_it_is_answered() -> None:
    path = "/v1/batch/transaction"
    assert Desk().batch([GONE, make("create-post")], path).body == shown("post", path, "stopped")


def test_a_dry_run_is_shown_as_it_is_answered() -> None:
    path = "/v1/batch/dry-run"
    assert Desk().batch([make("create-post"), GONE], path).body == shown("post", path, "")


def test_what_is_not_finished_in_time_is_shown_as_it_is_answered(release: threading.Event) -> None:
    desk = Desk(patience=timedelta(seconds=0.2))
    desk.before = lambda _: release.wait(30) and None
    assert desk.batch([make("first"), make("second")]).body == shown("post", "/v1/batch", "late")


def test_a_result_that_is_cut_is_shown_as_it_is_answered() -> None:
    operation = Operation(index=0, id="create-post", method="POST", path="/v1/posts")
    ended = Ended(status=201, body={"id": "clxnew", "text": "x" * ANSWER_LIMIT})
    answer = batch_answer([operation], [ended])
    assert json.loads(answer.text) == shown("post", "/v1/batch", "cut")


def test_the_limits_are_shown_as_they_are_with_and_without_a_patient_gateway() -> None:
    shown = examples_of(documented()["get", "/v1/batch/limits"]["responses"]["200"])
    for example, gateway in zip(shown, (62_000, 29_000), strict=True):
        patience = patience_of(timedelta(milliseconds=gateway))
        assert Desk(patience=patience).call("GET", "/v1/batch/limits").body == example


def test_resources_are_shown_as_they_are_answered() -> None:
    def shown(verb: str, path: str, status: str = "200") -> Any:
        return examples_of(documented()[verb, path]["responses"][status])[0]

    a_post = post_object(A_POST, {"acc_123": AN_ACCOUNT}, {}, lambda _: None)
    assert shown("get", "/v1/posts/{id}") == shown("post", "/v1/posts", "201") == a_post
    assert shown("get", "/v1/accounts/{id}") == account_object(AN_ACCOUNT)


def test_the_examples_of_batches_are_taken() -> None:
    for path in ("/v1/batch", "/v1/batch/transaction", "/v1/batch/dry-run", "/v1/batch/async"):
        for body in examples_of(resolved(documented()["post", path]["requestBody"])):
            request = Request(method="POST", resource="", path=path, body=json.dumps(body).encode())
            assert len(asked(request).operations) == len(body["operations"])


def test_the_second_example_of_a_batch_publishes_what_it_made() -> None:
    counter = Counter()
    counter.world.an_account(id="acc_123")
    _, body = examples_of(resolved(documented()["post", "/v1/batch"]["requestBody"]))
    made, publish, _ = body["operations"]
    post = counter("post", made["path"], made["body"])
    path = publish["path"].replace("{{create-post.body.id}}", "{id}")
    assert counter("post", path, id=post["id"])["status"] == "published"
