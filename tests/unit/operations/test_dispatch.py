"""What an operation's answer becomes among the results of a batch (spec operations 1.10)."""

from __future__ import annotations

import pytest

from batchwork.edge.http import Response
from batchwork.families.operations.dispatch import ended


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
def test_an_answer_of_two_hundred_and_more_is_a_success(status: int) -> None:
    found = ended(Response(status, raw='{"id":"up_1"}'))
    assert (found.status, found.body, found.error, found.succeeded) == (status, {"id": "up_1"}, None, True)


@pytest.mark.parametrize("status", [301, 302, 304, 400, 404, 500, 503])
def test_any_other_answer_is_a_failure_that_says_so(status: int) -> None:
    found = ended(Response(status, raw="gone", headers={"Content-Type": "text/plain"}))
    assert (found.status, found.body, found.succeeded) == (status, "gone", False)
    assert found.error is not None
    assert str(status) in found.error["message"]


def test_an_answers_own_error_is_told() -> None:
    error = {"code": "CARD_DECLINED", "message": "No."}
    assert ended(Response(402, {"error": error})).error == error
    assert ended(Response(402, {"error": "No."})).error == {"code": "REQUEST_FAILED", "message": "No."}
