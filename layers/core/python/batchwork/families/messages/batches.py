"""The routes of batches: POST and GET /api/v1/batches, and below (seed 002)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from batchwork.domain.batch import BatchRef, BatchStatus
from batchwork.domain.errors import Problem
from batchwork.domain.item import ItemStatus
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.edge.pagination import pagination, window
from batchwork.families.messages import READ, WRITE
from batchwork.families.messages.presenters import answer, batch_object, result_row
from batchwork.use_cases.cancel import Cancel
from batchwork.use_cases.once import Errand
from batchwork.use_cases.read import ReadBatches

StatusT = TypeVar("StatusT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class BatchReader:
    """The routes that look at batches."""

    read: ReadBatches

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        top = "/api/v1/batches"
        return {
            ("GET", top): Route(self.listed, READ),
            ("GET", f"{top}/{{batch_id}}"): Route(self.one, READ),
            ("GET", f"{top}/{{batch_id}}/results"): Route(self.results, READ),
        }

    def listed(self, request: Request, caller: Caller) -> Response:
        """List batches, newest first."""
        wanted, wrong = status_filter(request.query, BatchStatus)
        part = window(request.query, *wrong)
        page = self.read.find(caller.workspace.id, wanted, part.offset, part.limit)
        links = pagination(request, part, page.total, {"status": wanted})
        return answer([batch_object(batch) for batch in page.entries], pagination=links)

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a batch."""
        return answer(batch_object(self.read.get(batch_ref(request, caller))))

    def results(self, request: Request, caller: Caller) -> Response:
        """List the results of a batch, in input order."""
        ref = batch_ref(request, caller)
        wanted, wrong = status_filter(request.query, ItemStatus)
        part = window(request.query, *wrong)
        page = self.read.results(ref, wanted, part.offset, part.limit)
        links = pagination(request, part, page.total, {"status": wanted})
        return answer([result_row(view) for view in page.entries], pagination=links)


@dataclass(frozen=True, slots=True)
class BatchCanceller:
    """The route that cancels a batch."""

    cancel: Cancel

    def routes(self) -> Routes:
        """Return the route by (method, resource)."""
        return {("POST", "/api/v1/batches/{batch_id}/cancel"): Route(self.stop, WRITE)}

    def stop(self, request: Request, caller: Caller) -> Act:
        """Cancel a batch in progress."""
        ref = batch_ref(request, caller)

        def act(errand: Errand) -> Response:
            return answer(batch_object(self.cancel(ref, again=errand.ticket.again)), status=202)

        return act


def batch_ref(request: Request, caller: Caller) -> BatchRef:
    """Return the batch that the path names; raises NotFound for what cannot be a batch's id."""
    return BatchRef(caller.workspace.id, request.uuid("batch_id", "Batch"))


def status_filter(query: Mapping[str, str], statuses: type[StatusT]) -> tuple[StatusT | None, list[Problem]]:
    """Return the wanted status, None for every one, and what is wrong with the filter."""
    text = query.get("status")
    if text is None:
        return None, []
    found = next((status for status in statuses if status.value == text), None)
    choices = ", ".join(status.value for status in statuses)
    return found, [] if found else [Problem("status", f"Input should be one of: {choices}", "enum")]
