"""Operations: API calls that stand in one request (seed 000)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from batchwork.domain.item import Json

#: The family's name, as usage is booked under and batches are stored under.
FAMILY = "operations"
MAX_OPERATIONS = 100
MAX_ID = 64
MAX_PATH = 500
#: Bytes of an operation's body as compact JSON in UTF-8.
MAX_BODY = 100 * 1024
#: Characters of an answer's body up to which what is read of it is held; a hundred of them fill an answer.
MAX_OPEN = 50_000
#: Characters of an id that stays when a body is left out.
MAX_KEPT_ID = 200
TIMEOUT = timedelta(seconds=60)
#: Levels of nesting that a body must leave free.
_SPARE = 100
#: One for all: json.dumps makes one at every call.
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
METHODS = ("POST", "PATCH", "DELETE")
#: Paths that operations may call: exactly one of these, or below it.
ROOTS = ("/v1/posts", "/v1/accounts", "/v1/media", "/v1/webhooks")


def root_of(path: str) -> str | None:
    """Return the root that a path is or lies below, None for any other path."""
    return next((root for root in ROOTS if path == root or path.startswith(f"{root}/")), None)


def scope_of(method: str, root: str) -> str:
    """Return the scope that a call below a root needs (spec operations 1.1)."""
    return f"{root.removeprefix('/v1/')}:{'read' if method == 'GET' else 'write'}"


def size_of(body: Any) -> int:
    """Return the bytes of a body as compact JSON in UTF-8.

    Raises RecursionError for one that is nested almost as deeply as Python can write: others write it further down.
    """
    text = _WRITER.encode(body)
    if text.count("[") + text.count("{") > _SPARE:
        deeper = body
        for _ in range(_SPARE):
            deeper = [deeper]
        _WRITER.encode(deeper)
    return len(text.encode("utf-8", "surrogatepass"))


#: The scopes of the family.
SCOPES = tuple(scope_of(method, root) for root in ROOTS for method in ("GET", "POST"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call. index: its place in the request; id: the client's own name for it; body: None when it has none.

    headers: names in lower case, those that say who calls left out. depends_on: ids of operations that must have
    succeeded before this one is attempted.
    """

    index: int
    id: str
    method: str
    path: str
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mode:
    """How the operations of a request are run."""

    parallel: bool = False
    continue_on_error: bool = True


@dataclass(frozen=True, slots=True)
class Sealed:
    """A large body as compact JSON in UTF-8: what is read of it can have twenty times its size. id: as of `id_of`."""

    text: bytes
    id: str | int | None = None

    @classmethod
    def of(cls, body: Any) -> Sealed:
        """Seal a body. Raises RecursionError as `size_of`."""
        return cls(_WRITER.encode(body).encode("utf-8", "surrogatepass"), id_of(body))

    def opened(self) -> Any:
        """Return the body."""
        return json.loads(self.text.decode("utf-8", "surrogatepass"))


def id_of(body: Any) -> str | int | None:
    """Return the id that a body tells, None when it has none, or none to be repeated."""
    if isinstance(body, Sealed):
        return body.id
    known = body.get("id") if isinstance(body, dict) else None
    return known if isinstance(known, int) or (isinstance(known, str) and len(known) <= MAX_KEPT_ID) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an operation ended with. status: HTTP status; body: any JSON, sealed when it is large;
    error: `{code, message, details?}` of a failure.

    skipped: it was not attempted, because another one failed.
    """

    status: int
    body: Any | None = None
    error: Json | None = None
    skipped: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the operation did what it was to do."""
        return 200 <= self.status < 300 and not self.skipped
