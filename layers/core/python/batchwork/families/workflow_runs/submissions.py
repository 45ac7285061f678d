"""The routes that ask for runs: POST /workflow_runs/batch and POST /workflow_runs (seed 003, spec workflow runs 4.3, 4.5).

Apart from runs.py because only this function pays for pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.item import Item, Json
from batchwork.domain.run import BATCH_PREFIX, SLICE_SIZE, Run, place_of_file
from batchwork.domain.run_input import RunInput, attributes_of, run_of
from batchwork.domain.workflow import FAMILY
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs import WRITE
from batchwork.families.workflow_runs.dialect import Dialect, dialect_of, under_both
from batchwork.families.workflow_runs.schemas import (
    MAX_NAME,
    BatchBody,
    CheckUrl,
    NewBatchBody,
    NewSingleBody,
    SinglesBody,
    Sources,
    read,
)
from batchwork.ports.operations import Shelf
from batchwork.use_cases.meter import charge_of
from batchwork.use_cases.once import Errand
from batchwork.use_cases.submit import Submit
from batchwork.use_cases.workflows import Workflows

if TYPE_CHECKING:
    from batchwork.domain.flow_file import FlowFile

#: The name of a file whose URL ends in none.
NAMELESS = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Runs that are asked for. version: None for the one that is meant without one.

    inputs: a file that was uploaded before has no name here unless the client gave one; file_place: where the request names
    it, with the input's number in braces.
    """

    workflow_id: str
    version: str | None
    inputs: list[RunInput]
    file_place: str


@dataclass(frozen=True, slots=True)
class RunSubmitter:
    """The routes that ask for runs. The clients of 2026-02-09 are answered bare objects, the others with `success`."""

    submit: Submit
    workflows: Workflows
    files: Shelf[FlowFile]
    check_url: CheckUrl

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        return under_both(
            {
                ("POST", "/workflow_runs/batch"): Route(self.batch, WRITE),
                ("POST", "/workflow_runs"): Route(self.singles, WRITE),
            }
        )

    def batch(self, request: Request, caller: Caller) -> Act:
        """Accept a batch of runs, charged one unit a run; clients see the batch in lists and webhooks by the answered id."""
        dialect = dialect_of(request)
        wanted = batch_of(request, dialect, self.check_url)

        def act(errand: Errand) -> Response:
            batch, _ = self._accepted(wanted, request, caller, errand.ticket, listed=True)
            told = {"batchId": f"{BATCH_PREFIX}{batch.id}"}
            return Response(200, told if dialect is Dialect.V2026 else {"success": True, **told})

        return act

    def singles(self, request: Request, caller: Caller) -> Act:
        """Accept a run, or the up to 50 runs of older dialects, and answer them whole, as they were accepted."""
        dialect = dialect_of(request)
        wanted = singles_of(request, dialect, self.check_url)

        def act(errand: Errand) -> Response:
            # Batches, which this function is for, answer no run: what shows one is imported with the first that is asked for.
            from batchwork.families.workflow_runs.answers import runs_answer

            batch, inputs = self._accepted(wanted, request, caller, errand.ticket, listed=False)
            return runs_answer(self._runs(batch, inputs), dialect)

        return act

    def _accepted(
        self, wanted: Wanted, request: Request, caller: Caller, ticket: Ticket, *, listed: bool
    ) -> tuple[Batch, Sequence[RunInput] | None]:
        """Return the batch as accepted, and its inputs, None when an earlier try accepted it.

        Raises NotFound for the workflow or its version, InvalidRequest for files that are none, QuotaExceeded.
        """
        batch_id = ordered_id("", ticket)
        before = self.submit.resume(BatchRef(caller.workspace.id, batch_id)) if ticket.again else None
        if before is not None:
            return before, None
        flow = self.workflows.flow_for(caller.workspace.id, wanted.workflow_id, wanted.version)
        inputs = self._found(caller.workspace.id, wanted)
        batch = self.submit(
            charge=replace(charge_of(caller, ticket, FAMILY, len(inputs)), id=batch_id),
            bodies=[each.stored for each in inputs],
            slice_size=SLICE_SIZE,
            webhook=None,
            attributes=attributes_of(flow, request.base_url, listed=listed),
        )
        return batch, inputs

    def _found(self, workspace_id: str, wanted: Wanted) -> list[RunInput]:
        """Return the inputs, those of uploaded files with their names and types. Raises InvalidRequest for unknown ones."""
        ids = {each.file_id for each in wanted.inputs if each.file_id is not None}
        if not ids:
            return wanted.inputs
        files = self.files.get_many(workspace_id, ids)
        missing = [
            Problem(wanted.file_place.format(index), _missing(workspace_id, each.file_id), "unknown_file")
            for index, each in enumerate(wanted.inputs)
            if each.file_id is not None and each.file_id not in files
        ]
        if missing:
            raise InvalidRequest(missing)
        return [_named(each, files) for each in wanted.inputs]

    def _runs(self, batch: Batch, inputs: Sequence[RunInput] | None) -> list[Run]:
        """Return the runs of a batch as they were accepted, read again when an earlier try accepted them."""
        if inputs is not None:
            items = [Item(index, each.stored) for index, each in enumerate(inputs)]
        else:
            chunks = (self.submit.batches.chunk(batch, chunk) for chunk in range(batch.cut.chunks))
            items = [item for chunk in chunks for item in chunk.items]
        return [run_of(batch, item) for item in items]


def _named(given: RunInput, files: dict[str, FlowFile]) -> RunInput:
    if given.file_id is None:
        return given
    file = files[given.file_id]
    return replace(given, file_name=given.file_name or file.name, file_type=file.type)


def _missing(workspace_id: str, file_id: str) -> str:
    if place_of_file(workspace_id, file_id) is not None:
        return "Is the file of a run; upload a file to run it again"
    return "There is no uploaded file with this id"


def batch_of(request: Request, dialect: Dialect, check_url: CheckUrl) -> Wanted:
    """Return what POST /workflow_runs/batch asks for.

    Raises UnsupportedMediaType, MalformedBody, or InvalidRequest with all problems at once.
    """
    sources = Sources(check_url)
    if dialect is Dialect.V2026:
        body = read(NewBatchBody, request, sources.new_batch)
        inputs = [_new_input(index, given["file"], given) for index, given in enumerate(body["inputs"])]
        return _wanted(body["workflow"], "id", inputs, "inputs.{}.file.id")
    body = read(BatchBody, request, sources.batch)
    inputs = [
        _input(index, given.get("file"), given.get("rawText"), given) for index, given in enumerate(body["inputs"])
    ]
    return _wanted(body, "workflowId", inputs, "inputs.{}.file.fileId")


def singles_of(request: Request, dialect: Dialect, check_url: CheckUrl) -> Wanted:
    """Return what POST /workflow_runs asks for: one run, or up to 50 of older dialects. Raises as `batch_of`."""
    sources = Sources(check_url)
    if dialect is Dialect.V2026:
        body = read(NewSingleBody, request, sources.new_single)
        return _wanted(body["workflow"], "id", [_new_input(0, body["file"], body)], "file.id")
    body = read(SinglesBody, request, sources.singles)
    given: Iterable[tuple[Json | None, str | None]] = (
        ((file, None) for file in body["files"]) if "files" in body else ((None, text) for text in body["rawTexts"])
    )
    inputs = [_input(index, file, text, body) for index, (file, text) in enumerate(given)]
    return _wanted(body, "workflowId", inputs, "files.{}.fileId")


def _wanted(workflow: Json, name: str, inputs: list[RunInput], file_place: str) -> Wanted:
    return Wanted(workflow_id=workflow[name], version=workflow.get("version"), inputs=inputs, file_place=file_place)


def _input(index: int, file: Json | None, text: str | None, given: Json) -> RunInput:
    file = file or {}
    url = file.get("fileUrl")
    return RunInput(
        file_name=file.get("fileName") or _name_of(index, url, text),
        url=url,
        file_id=file.get("fileId"),
        text=text,
        name=given.get("name"),
        metadata=given.get("metadata", {}),
        secrets=given.get("secrets", {}),
    )


def _new_input(index: int, file: Json, given: Json) -> RunInput:
    url, text = file.get("url"), file.get("text")
    return RunInput(
        file_name=file.get("name") or _name_of(index, url, text),
        url=url,
        file_id=file.get("id"),
        text=text,
        metadata=given.get("metadata", {}),
        secrets=given.get("secrets", {}),
        password=file.get("settings", {}).get("password"),
    )


def _name_of(index: int, url: str | None, text: str | None) -> str:
    """Return the name of a file that the client gave none, nothing for one that was uploaded under a name."""
    if text is not None:
        return f"text-{index}.txt"
    return "" if url is None else name_in(url)


def name_in(url: str) -> str:
    """Return the last part of a URL's path, as far as it can be shown."""
    path = url.partition("://")[2].partition("#")[0].partition("?")[0].partition("/")[2]
    name = unquote(path.rpartition("/")[2])
    if not name.isprintable():
        name = "".join(filter(str.isprintable, name))
    return name.strip()[-MAX_NAME:] or NAMELESS
