"""How a chat message without an answer is answered (spec messages 3.2)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from unit.edge.gates import Function

from batchwork.domain.errors import ProviderFailed
from batchwork.domain.workspace import Caller
from batchwork.edge.http import Request, Response


@pytest.mark.parametrize(
    ("retryable", "wait", "status", "seconds"),
    [
        (True, timedelta(seconds=7), 503, "7"),
        (True, timedelta(seconds=1.2), 503, "2"),
        (True, timedelta(), 503, "1"),
        (True, None, 503, None),
        (False, None, 500, None),
    ],
)
def test_a_failure_says_whether_and_when_asking_again_may_help(
    retryable: bool, wait: timedelta | None, status: int, seconds: str | None
) -> None:
    def fails(_request: Request, _caller: Caller) -> Response:
        raise ProviderFailed(reason="The model endpoint answered HTTP 429", retryable=retryable, retry_after=wait)

    answered = Function(serve=fails)()
    assert (answered.status, answered.headers.get("Retry-After")) == (status, seconds)
    assert answered.body == {"data": None, "message": "The model endpoint answered HTTP 429", "error_code": 10005}
