"""What an answer cost, in the shape of the seed's ``response_usage`` (seed 002)."""

from __future__ import annotations

from batchwork.domain.item import Json
from batchwork.ports.messages import Reply


def usage_of(reply: Reply) -> Json:
    """Return a reply's ``response_usage``: tool calls, the call that wrote the answer, and the totals of both."""
    main = call_of(reply.model, "main_response", reply.prompt_tokens, reply.completion_tokens)
    calls = [*reply.tool_calls, main]
    return {
        "tool_calls": list(reply.tool_calls),
        "total_calls": len(calls),
        "total_tokens": sum(call["total_tokens"] for call in calls),
        "main_response": main,
        "total_prompt_tokens": sum(call["prompt_tokens"] for call in calls),
        "total_completion_tokens": sum(call["completion_tokens"] for call in calls),
    }


def call_of(model: str, call_type: str, prompt_tokens: int, completion_tokens: int) -> Json:
    """Return one call to a model as ``response_usage`` shows it."""
    return {
        "model": model,
        "call_type": call_type,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
    }
