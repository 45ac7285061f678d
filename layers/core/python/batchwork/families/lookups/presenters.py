"""How the lookups family shows what it found (seed 004)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from batchwork.domain.lookup import Found
from batchwork.edge.http import Response

#: Bytes of all entries of an answer, as the Lambda runtime serializes them: below edge.endpoint.ANSWER_LIMIT by more
#: than what a thousand entries need to say that they had no room.
ROOM = 5_000_000

#: One for all entries: json.dumps makes one at every call.
_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_NO_ROOM = Found(
    413, code="result_too_large", message="The answer has no room for this result; ask for fewer items per request."
)
_TOO_DEEP = Found(422, code="validation_failed", message="The item or its result is nested too deeply.")
_NO_JSON = Found(502, code="upstream_failed", message="The lookup's result is not JSON.")


def batch_answer(results: Sequence[Found]) -> Response:
    """Return the answer: an entry for each result in order, and their counts. A result without room is a 413.

    Each entry is written once, and measured as it is written.
    """
    entries: list[bytes] = []
    used = failed = 0
    for result in results:
        status, entry = _written(result)
        size = _serialized(entry)
        if used + size > ROOM:
            status, entry = _written(_NO_ROOM)
            size = 0  # there is room for these beyond ROOM
        used += size
        failed += status != 200
        entries.append(entry)
    counts = {"total": len(entries), "succeeded": len(entries) - failed, "failed": failed}
    text = f'{{"data":[{b",".join(entries).decode()}],"meta":{_json({"batch": counts}).decode()}}}'
    return Response(207 if failed else 200, raw=text)


def _written(result: Found) -> tuple[int, bytes]:
    """Return a result's status and entry; those of an error, when the result cannot be written as JSON."""
    try:
        return result.status, _json(_entry(result))
    except RecursionError:
        return _written(_TOO_DEEP)
    except (ValueError, TypeError):  # NaN, or what no JSON has; an upstream may answer anything
        return _written(_NO_JSON)


def _entry(result: Found) -> dict[str, Any]:
    if result.succeeded:
        return {"status": 200, "data": result.data}
    error = {"code": result.code, "message": result.message, "details": result.details}
    return {"status": result.status, "error": error}


def _json(value: Any) -> bytes:
    """Return compact JSON; half of a pair, which UTF-8 has no form for, becomes a question mark."""
    return _WRITER.encode(value).encode("utf-8", "replace")


def _serialized(entry: bytes) -> int:
    """Return the bytes of an entry in the Lambda runtime's own JSON, where quotes and backslashes are escaped again."""
    return len(entry) + entry.count(b'"') + entry.count(b"\\") + 1
