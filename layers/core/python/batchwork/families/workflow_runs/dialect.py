"""Which generation of the API a client speaks: `x-extend-api-version`, `/v1` (spec workflow runs 4.1 and 4.2)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.edge.http import Request, Response

if TYPE_CHECKING:
    from batchwork.edge.endpoint import Routes

#: What older clients put before every path.
PREFIX = "/v1"
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


#: Every version that can be asked for, oldest first.
VERSIONS = tuple(_KNOWN)


def dialect_named(version: str | None) -> Dialect:
    """Return the dialect of a version that there is, such as that of a webhook endpoint; None stands for the seed's."""
    return Dialect.LEGACY if version is None else _KNOWN[version]


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


def under_both(routes: Routes) -> Routes:
    """Return routes by (method, resource), each also under the older prefix."""
    return {(method, before + path): route for before in ("", PREFIX) for (method, path), route in routes.items()}


def known(shown: Json) -> Json:
    """Return an object without what is unknown: where 2026-02-09 says null, the older dialects say nothing."""
    return {name: value for name, value in shown.items() if value is not None}


def answered(name: str, shown: Json, dialect: Dialect) -> Response:
    """Return an object: ``{"success": true, NAME: {...}}``, or bare."""
    return Response(200, shown if dialect is Dialect.V2026 else {"success": True, name: shown})
