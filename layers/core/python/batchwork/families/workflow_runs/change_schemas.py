"""Bodies that change runs (spec workflow runs 4.5), apart from those that ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.edge.http import Request
from batchwork.families.workflow_runs.schemas import MAX_NAME, Shape, object_problem, read

MAX_NOTE = 2000
_Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class _Change(Shape):
    name: _Name | None = None
    metadata: dict[str, Any] | None = None


class _Review(Shape):
    decision: Literal["approve", "reject"]
    note: Annotated[str, Field(min_length=1, max_length=MAX_NOTE)] | None = None
    reviewer: _Name | None = None


def change_of(request: Request) -> tuple[str | None, Json | None]:
    """Return (name, metadata) that POST /workflow_runs/{id} changes, None for what stays as it is.

    Raises UnsupportedMediaType, MalformedBody, or InvalidRequest with all problems at once.
    """
    body = read(_Change, request, _change_problems)
    return body.get("name"), body.get("metadata")


def review_of(request: Request) -> tuple[bool, str | None, str | None]:
    """Return (whether it approves, note, reviewer) of POST /workflow_runs/{id}/review (ours). Raises as `change_of`."""
    body = read(_Review, request, _review_problems)
    return body["decision"] == "approve", body.get("note"), body.get("reviewer")


def _change_problems(body: Json) -> Iterator[Problem]:
    if (problem := object_problem("metadata", body.get("metadata"))) is not None:
        yield problem


def _review_problems(body: Json) -> Iterator[Problem]:
    if body.get("decision") == "approve" and body.get("note") is not None:
        yield Problem("note", "Only a rejection has a note", "unsupported")
