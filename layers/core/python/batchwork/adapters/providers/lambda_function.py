"""A Lambda function as provider: whatever an operator wants to answer with.

It is invoked with {message, history: [[message, answer]], system_prompt, documents: [{title, text}],
attachments: [{name, text}], user, token, agent_id} and answers {text, model?, prompt_tokens?, completion_tokens?,
tool_calls?: [{model, prompt_tokens, completion_tokens}]}.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from batchwork.adapters.invocation import client_for, ended_badly
from batchwork.adapters.providers.failures import PASSING, failed, failed_aws
from batchwork.adapters.providers.prompting import given_documents
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.item import Json
from batchwork.ports.messages import Prompt, Reply

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


class LambdaFunction:
    """A function of this account. settings: function_arn."""

    def __init__(self, choice: ProviderChoice, client: LambdaClient | None = None) -> None:
        self._arn: str = choice.settings["function_arn"]
        self._client = client

    def answer(self, prompt: Prompt, timeout: timedelta, token: str) -> Reply:
        """Answer through a synchronous invocation. Raises ProviderFailed."""
        payload = json.dumps(
            {
                "message": prompt.message,
                "history": [list(turn) for turn in prompt.history],
                "system_prompt": prompt.version.system_prompt,
                "documents": [{"title": title, "text": text} for title, text in given_documents(prompt)],
                "attachments": [{"name": name, "text": text} for name, text in prompt.attachments],
                "user": prompt.user,
                "token": token,
                "agent_id": prompt.version.agent_id,
            }
        ).encode()
        try:
            client = self._client or client_for(timeout)
            answer = client.invoke(FunctionName=self._arn, InvocationType="RequestResponse", Payload=payload)
            content = answer["Payload"].read()
        except (ClientError, BotoCoreError) as exc:
            raise failed_aws("The agent's Lambda function", exc) from exc
        if "FunctionError" in answer:
            raise _function_failed(content)
        return self._reply(content)

    def _reply(self, content: bytes) -> Reply:
        try:
            answer = json.loads(content)
            text = answer["text"]
            model = answer.get("model") or "lambda"
            prompt_tokens, completion_tokens = _tokens(answer)
            tool_calls = tuple(_tool_call(call) for call in answer.get("tool_calls") or ())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as exc:
            raise failed("The agent's Lambda function did not answer {text, ...}") from exc
        if not isinstance(text, str) or not isinstance(model, str):
            raise failed("The agent's Lambda function did not answer {text, ...}")
        return Reply(text, model, prompt_tokens, completion_tokens, tool_calls)


def _tokens(call: Any) -> tuple[int, int]:
    return int(call.get("prompt_tokens") or 0), int(call.get("completion_tokens") or 0)


def _tool_call(call: Any) -> Json:
    prompt_tokens, completion_tokens = _tokens(call)
    return {
        "model": str(call["model"]),
        "call_type": "tool_call",
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
    }


def _function_failed(content: bytes) -> Exception:
    """Return the error of a function that raised or timed out."""
    ended = ended_badly(content)
    shown = f" ({ended.kind})" if ended.kind else ""
    retryable = ended.timed_out or ended.kind in PASSING
    return failed(f"The agent's Lambda function failed{shown}", retryable=retryable)
