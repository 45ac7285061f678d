"""Bodies that make, change and deploy workflows (spec workflow runs 4.6).

What the documents leave open is chosen here: names have 1 to 255 characters. Of steps it is only said here that they are an
array; what is wrong with them is told by who works them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from batchwork.domain.item import Json
from batchwork.edge.http import Request
from batchwork.edge.json_text import parsed_json
from batchwork.edge.shapes import ShapeT, shaped
from batchwork.families.workflow_runs.schemas import MAX_NAME, Shape

_Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class NewWorkflow(Shape):
    """POST /workflows."""

    name: _Name
    steps: list[Any] | None = None


class ChangedWorkflow(Shape):
    """POST /workflows/{id}, and POST /workflows/{id}/versions: what is absent stays as it is, or is the draft's."""

    name: _Name | None = None
    steps: list[Any] | None = None


def new_workflow(request: Request) -> NewWorkflow:
    """Return the body that makes a workflow. Raises UnsupportedMediaType, MalformedBody, InvalidRequest."""
    return _read(NewWorkflow, request)


def changed_workflow(request: Request) -> ChangedWorkflow:
    """Return the body that changes or deploys one, that of ``{}`` when it has none: clients send calls without fields bare.

    Raises UnsupportedMediaType, MalformedBody, InvalidRequest.
    """
    return _read(ChangedWorkflow, request) if request.body.strip() else ChangedWorkflow()


def steps_of(body: NewWorkflow | ChangedWorkflow) -> tuple[Json, ...] | None:
    """Return the steps of a body, None where it has none."""
    return None if body.steps is None else tuple(body.steps)


def _read(shape: type[ShapeT], request: Request) -> ShapeT:
    body = shaped(shape, request)
    # Steps are kept as they are: a number that no JSON can hold, which pydantic reads as infinite, is refused here.
    parsed_json(request.body)
    return body
