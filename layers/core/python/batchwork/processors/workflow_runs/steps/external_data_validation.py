"""EXTERNAL_DATA_VALIDATION: what a system of the customer's own says of a run.

config::

    {"requestOptions": {"url": "https://...", "method": "POST", "headers"?: {"Authorization": "Bearer {{secrets.token}}"},
                        "contentType"?: "application/json" | "text/plain"},
     "failureBehavior"?: "CONTINUE" | "EXIT"}

Sent with POST and PUT: ``{"workflowRunId", "batchId", "workflowId", "step", "metadata", "file": {"id", "name", "type"},
"steps": {name: result}}``, with an Idempotency-Key that is the same for each try. Answers of 2xx are data; others, and none at
all, are failures: EXIT fails the run (what may pass is tried again first), CONTINUE goes on with what came; it, too, tries what
may pass again while tries are left.

Secrets are those of the run's input. Where an answer repeats one that was sent, `[secret]` stands for it in results and errors
(for those of under 4 characters it does not: they stand in any text); what the far side made of it first, such as its base64,
is not known as one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from batchwork.domain.address import check_url
from batchwork.domain.errors import EgressRefused, Problem
from batchwork.domain.idempotency import digest
from batchwork.domain.item import Json
from batchwork.ports import Answer
from batchwork.processors.workflow_runs.step import BUSY, Done, Outline, StepFailed, StepType, Task, Work, wrong
from batchwork.processors.workflow_runs.texts import deeper_than, sound

METHODS, CONTENT_TYPES, BEHAVIORS = ("GET", "POST", "PUT"), ("application/json", "text/plain"), ("CONTINUE", "EXIT")
MAX_HEADERS, MAX_HEADER = 50, 2_000
#: Bytes of an answer, and how long it may take.
ANSWER_LIMIT, TIMEOUT = 256 * 1024, timedelta(seconds=30)
#: How deep an answer may be nested: what is stored and shown later is written by recursion.
MAX_DEPTH = 50
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OWN = frozenset({"host", "content-length", "transfer-encoding", "connection", "idempotency-key"})
_SECRET = re.compile(r"\{\{\s*secrets\.([\w-]{1,100})\s*\}\}")
#: What would be sent as it is written, and was surely not meant so.
_BRACES = "is not supported: only headers may hold {{secrets.NAME}}, and nothing else in double braces"
_VALUE = re.compile(r"[\t\x20-\x7e]*")
#: Stands for a secret that an answer repeats; shorter ones would be found in any text.
_HIDDEN, _MIN_SECRET = "[secret]", 4
_PASSING = frozenset({408, 425, 429})


class ExternalDataValidation(StepType):
    """Asks a system of the customer's."""

    def problems(self, config: Json, place: str, outline: Outline) -> Iterator[Problem]:
        """Yield what is wrong with the request."""
        del outline
        options = config.get("requestOptions")
        if not isinstance(options, dict):
            yield wrong(f"{place}.requestOptions", "must be an object with url and method")
            return
        here = f"{place}.requestOptions"
        url = options.get("url")
        # Which addresses are let through is judged at each request.
        refusal = (
            (_BRACES if "{{" in url else check_url(url, allow_loopback=True))
            if isinstance(url, str)
            else "must be a URL"
        )
        if refusal is not None:
            yield wrong(f"{here}.url", refusal)
        if options.get("method") not in METHODS:
            yield wrong(f"{here}.method", f"must be one of {', '.join(METHODS)}")
        if options.get("contentType", CONTENT_TYPES[0]) not in CONTENT_TYPES:
            yield wrong(f"{here}.contentType", f"must be one of {', '.join(CONTENT_TYPES)}")
        if config.get("failureBehavior", BEHAVIORS[0]) not in BEHAVIORS:
            yield wrong(f"{place}.failureBehavior", f"must be one of {', '.join(BEHAVIORS)}")
        yield from _header_problems(options.get("headers"), f"{here}.headers")

    def prepared(self, config: Json) -> Work:
        """Return what asks."""
        return lambda task: _ask(config, task)


def _header_problems(headers: object, place: str) -> Iterator[Problem]:
    if headers is None:
        return
    if not isinstance(headers, dict) or len(headers) > MAX_HEADERS:
        yield wrong(place, f"must be an object of at most {MAX_HEADERS} headers")
        return
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OWN:
            yield wrong(f"{place}.{name[:100]}", "is no header that can be set")
        elif not isinstance(value, str) or len(value) > MAX_HEADER or not _VALUE.fullmatch(_SECRET.sub("", value)):
            yield wrong(f"{place}.{name}", f"must be a text of at most {MAX_HEADER} printable ASCII characters")
        elif "{{" in _SECRET.sub(" ", value):
            yield wrong(f"{place}.{name}", _BRACES)


def _ask(config: Json, task: Task) -> Done:
    options: Json = config["requestOptions"]
    exits = config.get("failureBehavior", "CONTINUE") == "EXIT"
    strict = exits or not task.final  # what may pass is tried again
    headers, hidden = _headers(options, task)
    body = b"" if options["method"] == "GET" else _body(task)
    if body:
        headers["Content-Type"] = options.get("contentType", CONTENT_TYPES[0])
    try:
        answer = task.world.egress.send(
            options["method"], options["url"], body, headers, min(TIMEOUT, task.left()), ANSWER_LIMIT
        )
    except EgressRefused as exc:
        # Nothing but the configuration can mend it.
        message = f"Step {task.step}: requests to its address are not allowed"
        raise StepFailed("EXTERNAL_DATA_VALIDATION_FAILED", message) from exc
    except OSError as exc:
        if strict:
            raise _failed(task, _without(f"there was no answer: {exc}", hidden), passing=True) from exc
        return Done(result={"response": None, "error": _without(f"There was no answer: {exc}", hidden)[:500]})
    passing = answer.status in _PASSING or answer.status >= 500
    if not 200 <= answer.status < 300 and (exits or (passing and strict)):
        failed = _failed(task, f"the answer was HTTP {answer.status}", passing=passing)
        failed.retry_after = answer.retry_after
        failed.patient = answer.status in BUSY
        raise failed
    data = _without(_data(answer), hidden)
    if data is None:
        if exits:
            raise _failed(task, "the answer is no JSON, or too large", passing=False)
        return Done(result={"response": {"status": answer.status, "data": {}}, "error": "The answer is no JSON"})
    return Done(result={"response": {"status": answer.status, "data": data}}, facts=data)


def _failed(task: Task, what: str, *, passing: bool) -> StepFailed:
    message = f"Step {task.step}: {what}"[:500]
    return StepFailed("EXTERNAL_DATA_VALIDATION_FAILED", message, code=503 if passing else 400, retryable=passing)


def _headers(options: Json, task: Task) -> tuple[dict[str, str], re.Pattern[str] | None]:
    """Return the headers, and what finds the secrets in them, None without any."""
    used: set[str] = set()

    def secret(found: re.Match[str]) -> str:
        value = task.secrets.get(found[1])
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            message = f"Step {task.step} needs the secret {found[1]} as a text of printable ASCII characters"
            raise StepFailed("MISSING_SECRET", message)
        used.add(value)
        return value

    # One for all tries: whoever is asked twice can tell. Parts of a file ask each for themselves, and a step's name may be
    # nothing that a header can hold.
    key = digest(task.run.id.encode(), task.step.encode("utf-8", "surrogatepass"), task.piece.file.id.encode())
    given = {name: _SECRET.sub(secret, value) for name, value in (options.get("headers") or {}).items()}
    # The longest first: one may be the beginning of another.
    told = sorted((value for value in used if len(value) >= _MIN_SECRET), key=len, reverse=True)
    hidden = re.compile("|".join(map(re.escape, told))) if told else None
    return {"Accept": "application/json", "Idempotency-Key": key} | given, hidden


def _without(value: Any, hidden: re.Pattern[str] | None) -> Any:
    """Return a text, or JSON of a depth that is bounded, without the secrets in it."""
    if hidden is None:
        return value
    match value:
        case str():
            return hidden.sub(_HIDDEN, value)
        case dict():
            return {_without(name, hidden): _without(entry, hidden) for name, entry in value.items()}
        case list():
            return [_without(entry, hidden) for entry in value]
    return value


def _body(task: Task) -> bytes:
    run, file = task.run, task.piece.file
    steps = {
        name: seen.result if seen.result is not None else seen.facts for name, seen in task.piece.scope.all().items()
    }
    told: Json = {
        "workflowRunId": run.id,
        "batchId": run.batch_id,
        "workflowId": run.flow.workflow_id,
        "step": task.step,
        "metadata": run.metadata,
        "file": {"id": file.id, "name": file.name, "type": None if file.type is None else str(file.type)},
        "steps": steps,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace")


def _data(answer: Answer) -> Json | None:
    """Return an answer's JSON object, other JSON as its body, None for what is no JSON or was too large."""
    if answer.cut:
        return None
    if not answer.body.strip():
        return {}
    try:
        found: Any = json.loads(answer.body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if deeper_than(found, MAX_DEPTH):
        return None
    found = sound(found)
    return found if isinstance(found, dict) else {"body": found}


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and the like are no JSON


STEP = ExternalDataValidation()
