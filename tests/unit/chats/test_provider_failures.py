"""How a chat message without an answer is answered (spec messages 3.2)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from batchwork.domain.errors import ProviderFailed
from batchwork.edge.http import Request
from batchwork.families.messages.errors import MessagesEnvelope

REQUEST = Request(method="POST", resource="/api/v1/chats/{chat_id}/messages", path="/api/v1/chats/1/messages")


@pytest.mark.parametrize(
    ("retryable", "wait", "status", "headers"),
    [
        (True, timedelta(seconds=7), 503, {"Retry-After": "7"}),
        (True, timedelta(seconds=1.2), 503, {"Retry-After": "2"}),
        (True, timedelta(), 503, {"Retry-After": "1"}),
        (True, None, 503, {}),
        (False, None, 500, {}),
    ],
)
def test_a_failure_says_whether_and_when_asking_again_may_help(
    retryable: bool, wait: timedelta | None, status: int, headers: dict[str, str]
) -> None:
    failure = ProviderFailed(reason="The model endpoint answered HTTP 429", retryable=retryable, retry_after=wait)
    answered = MessagesEnvelope().error(failure, REQUEST)
    assert (answered.status, answered.headers) == (status, headers)
    assert answered.body == {"data": None, "message": "The model endpoint answered HTTP 429", "error_code": 10005}
