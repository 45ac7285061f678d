from __future__ import annotations

from batchwork.ports.messages import Reply
from batchwork.processors.messages.usage import usage_of


def test_totals_add_up_over_tool_calls_and_the_answer() -> None:
    call = {
        "model": "gemini-2.5-flash",
        "call_type": "tool_call",
        "total_tokens": 195,
        "prompt_tokens": 150,
        "completion_tokens": 45,
    }
    usage = usage_of(Reply("text", "gemini-2.5-pro", 10, 5, (call, call)))
    assert usage["tool_calls"] == [call, call]
    assert usage["main_response"] == {
        "model": "gemini-2.5-pro",
        "call_type": "main_response",
        "total_tokens": 15,
        "prompt_tokens": 10,
        "completion_tokens": 5,
    }
    assert (usage["total_calls"], usage["total_tokens"]) == (3, 405)
    assert (usage["total_prompt_tokens"], usage["total_completion_tokens"]) == (310, 95)


def test_the_fields_stand_in_the_order_of_the_seed() -> None:
    assert list(usage_of(Reply("text", "model", 1, 1))) == [
        "tool_calls",
        "total_calls",
        "total_tokens",
        "main_response",
        "total_prompt_tokens",
        "total_completion_tokens",
    ]
