"""Which generation of the API a client speaks: `x-extend-api-version` (spec workflow runs 4.1 and 4.2)."""

from __future__ import annotations

from enum import StrEnum

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.edge.http import Request

HEADER = "x-extend-api-version"


class Dialect(StrEnum):
    """A generation. Its value is the version that its answers and webhooks name."""

    #: The seed's, and every one before it.
    LEGACY = "2024-12-23"
    #: As legacy, plus secrets; lists and objects in `success` envelopes.
    V2025 = "2025-04-21"
    #: Bare objects, `{"object": "list", "data"}`, errors with a code.
    V2026 = "2026-02-09"


_KNOWN = {
    "2024-02-01": Dialect.LEGACY,
    "2024-07-30": Dialect.LEGACY,
    "2024-11-14": Dialect.LEGACY,
    "2024-12-23": Dialect.LEGACY,
    "2025-04-21": Dialect.V2025,
    "2026-02-09": Dialect.V2026,
}


def dialect_of(request: Request) -> Dialect:
    """Return the dialect of a request; the seed knows no header, so without one it is the seed's. Raises InvalidRequest."""
    asked = request.headers.get(HEADER)
    if asked is None or not asked.strip():
        return Dialect.LEGACY
    found = _KNOWN.get(asked.strip())
    if found is None:
        message = f"Must be one of {', '.join(_KNOWN)}"
        raise InvalidRequest([Problem(HEADER, message, "unknown_version", structural=False)])
    return found


def dialect_or_seed(request: Request) -> Dialect:
    """Return the dialect that an error is answered in: the seed's where the header names none that there is."""
    return _KNOWN.get(request.headers.get(HEADER, "").strip(), Dialect.LEGACY)
