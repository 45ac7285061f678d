"""The operations family whole, in memory: its routes, its worker and the engine around it, over an API of notes.

Notes lie below /v1/posts: POST makes one of a `text`, PATCH changes it, DELETE removes it, POST .../copy makes another.
Each is done as real resources are: its id follows from the ticket, and another try finds what an earlier one did.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from engine import Dying, Fuse
from factories import AT
from fakes.batches import FakeBatches
from fakes.claims import FakeClaims
from fakes.clock import FakeClock
from fakes.deliveries import FakeDeliveries
from fakes.identities import FakeIdentities
from fakes.queues import FakeDeliveryQueue, FakeWorkQueue
from fakes.rates import FakeRates
from fakes.shelf import FakeShelf
from fakes.usage import FakeUsage

from batchwork.domain.batch import Batch, BatchRef
from batchwork.domain.errors import InvalidRequest, NotFound, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import ordered_id
from batchwork.domain.operation import FAMILY, TIMEOUT, Ended, Operation
from batchwork.domain.resource import Resource, checked_id
from batchwork.domain.target import Target
from batchwork.domain.workspace import ApiKey, Caller, Workspace, WorkspaceStatus, digest_of
from batchwork.edge.endpoint import Act, Gate, Intent, endpoint
from batchwork.edge.http import Request, Response
from batchwork.families.operations.batches import Batches
from batchwork.families.operations.dispatch import Dispatch
from batchwork.families.operations.errors import OperationsEnvelope
from batchwork.families.operations.job_calls import JobCalls
from batchwork.families.operations.jobs import Jobs
from batchwork.families.operations.me import Me
from batchwork.families.operations.resources import Calls, Resources
from batchwork.ports.operations import Shelf
from batchwork.use_cases.authenticate import Authenticate
from batchwork.use_cases.complete import Complete, tell_nobody
from batchwork.use_cases.limit import LimitRequests
from batchwork.use_cases.meter import Meter
from batchwork.use_cases.once import Errand, Once
from batchwork.use_cases.read import ReadBatches
from batchwork.use_cases.run_operations import RunOperations
from batchwork.use_cases.submit import Submit
from batchwork.use_cases.sweep import Sweep
from batchwork.use_cases.work import Stint
from batchwork.use_cases.work_job import WorkJob

SECRET = "s3cret-of-the-key"
#: How long an operation of a job may take here.
PATIENCE = timedelta(seconds=30)
#: Called before each note is made, changed or removed: may wait, raise, or die.
Hook = Callable[[Operation], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Resource):
    text: str


@dataclass
class Notes:
    """The calls of notes. done: every effect there was, by (kind, id), in order; asked: paths, in order."""

    shelf: Shelf[Note]
    done: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    answer: Callable[[Note], Any] = lambda note: {"id": note.id, "text": note.text}

    def calls(self) -> Calls:
        return {
            ("POST", "/v1/posts"): self.create,
            ("PATCH", "/v1/posts/{id}"): self.change,
            ("DELETE", "/v1/posts/{id}"): self.remove,
            ("POST", "/v1/posts/{id}/copy"): self.copy,
        }

    def create(self, request: Request, caller: Caller) -> Act:
        self.asked.append((request.method, request.path, request.headers))
        text = self._text(request)

        def act(_checked: None, errand: Errand) -> Response:
            return self._made(caller, text, errand.ticket)

        return Intent(lambda _again: None, act)

    def copy(self, request: Request, caller: Caller) -> Act:
        return Intent(
            lambda _again: self._note(request, caller),
            lambda note, errand: self._made(caller, note.text, errand.ticket),
        )

    def change(self, request: Request, caller: Caller) -> Act:
        text = self._text(request)

        def act(note: Note, _errand: Errand) -> Response:
            changed = replace(note, text=text, revision=note.revision + 1)
            if note.text != text and self.shelf.replace(changed):
                self.done.append(("change", note.id))
            return Response(200, self.answer(changed))

        return Intent(lambda _again: self._note(request, caller), act)

    def remove(self, request: Request, caller: Caller) -> Act:
        def check(again: bool) -> Note | None:
            return (
                self.shelf.get(caller.workspace.id, request.parameters["id"]) if again else self._note(request, caller)
            )

        def act(note: Note | None, _errand: Errand) -> Response:
            if note is not None and self.shelf.remove(caller.workspace.id, note.id):
                self.done.append(("remove", note.id))
            return Response(204)

        return Intent(check, act)

    def _made(self, caller: Caller, text: str, ticket: Ticket) -> Response:
        note = Note(
            id=ordered_id("post_c", ticket),
            workspace_id=caller.workspace.id,
            created_at=ticket.at,
            updated_at=ticket.at,
            text=text,
        )
        if self.shelf.add(note):
            self.done.append(("make", note.id))
        return Response(201, self.answer(note))

    def _note(self, request: Request, caller: Caller) -> Note:
        found = self.shelf.get(caller.workspace.id, checked_id(request.parameters["id"], "post_"))
        if found is None:
            raise NotFound(what="Post")
        return found

    def _text(self, request: Request) -> str:
        text = json.loads(request.body or b"{}").get("text")
        if not isinstance(text, str):
            raise InvalidRequest([Problem("text", "Must be a text", "text")])
        return text


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def results(self) -> list[Any]:
        found: list[Any] = self.body["results"]
        return found

    @property
    def statuses(self) -> list[int]:
        return [result["status"] for result in self.results]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def places(self) -> list[str]:
        return [problem["field"] for problem in self.body["error"]["details"]["problems"]]


def make(name: str, text: str = "x", **fields: Any) -> dict[str, Any]:
    """Return an operation that makes a note."""
    return {"id": name, "method": "POST", "path": "/v1/posts", "body": {"text": text}, **fields}


class Desk:
    """Calls the family as API Gateway, the queue, the stream and the schedule do; `fuse` makes all ports die together."""

    def __init__(self, *, concurrency: int = 8, patience: timedelta = TIMEOUT) -> None:
        self.concurrency, self.patience = concurrency, patience
        self.clock = FakeClock(AT)
        self.identities, self.rates, self.claims = FakeIdentities(), FakeRates(), FakeClaims()
        self.usage, self.deliveries = FakeUsage(), FakeDeliveries()
        self.batches = FakeBatches(self.deliveries, self.usage)
        self.queue, self.delivery_queue = FakeWorkQueue(), FakeDeliveryQueue()
        self.shelf: FakeShelf[Note] = FakeShelf()
        self.notes = Notes(self.shelf)
        self.errors: list[Exception] = []
        #: Called before each operation is done by a worker or a request.
        self.before: Hook = lambda _operation: None
        self.forwarded: list[str] = []
        self.upstream = Response(200, {"from": "upstream"})
        self._ids = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count(1))
        self._tokens = (f"token-{number}" for number in itertools.count(1))
        self.a_key()

    # ── who calls ──

    def a_key(
        self,
        workspace_id: str = "acme",
        *,
        key_id: str = "k1",
        scopes: Iterable[str] = ("*",),
        status: WorkspaceStatus = WorkspaceStatus.ACTIVE,
        expires_at: datetime | None = None,
        revoked_at: datetime | None = None,
        targets: Mapping[str, Target] | None = None,
        **changes: int | bool | None,
    ) -> str:
        """Make or replace a workspace and a key of it; return the key."""
        workspace = Workspace(
            id=workspace_id,
            name=workspace_id.title(),
            plan="pro",
            created_at=AT,
            status=status,
            changes=changes,
            targets=targets or {},
        )
        key = ApiKey(
            id=key_id,
            workspace_id=workspace_id,
            name="ci",
            digest=digest_of(SECRET),
            scopes=frozenset(scopes),
            created_at=AT,
            expires_at=expires_at,
            revoked_at=revoked_at,
        )
        self.identities.put_workspace(workspace)
        self.identities.put_key(key)
        return f"{key.public}.{SECRET}"

    def used(self, workspace_id: str = "acme") -> int:
        return self.usage.used(workspace_id, f"{self.clock.now():%Y-%m}")

    # ── verbs, each built anew as a fresh process would, over ports that may die ──

    def _alive(self, port: Any, fuse: Fuse | None) -> Any:
        return port if fuse is None else Dying(port, fuse)

    def _dispatch(self, fuse: Fuse | None) -> Dispatch:
        notes = replace(self.notes, shelf=self._alive(self.shelf, fuse))
        gate = Gate(
            Authenticate(self.identities, self.clock),
            LimitRequests(self.rates, self.clock),
            Once(self._alive(self.claims, fuse), self.clock, lambda: next(self._ids), self.errors.append),
        )
        resources = Resources(calls=notes.calls(), forward=self._forward)
        return _Hooked(self, resources, gate, OperationsEnvelope(), self.errors.append)

    def _forward(self, prefix: str, target: Target, request: Request, caller: Caller) -> Response | Act:
        self.forwarded.append(f"{target.url}{request.path.removeprefix(prefix)}")
        return Intent(lambda _again: None, lambda _checked, _errand: self.upstream)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: dict[str, str] | None = None,
        left: timedelta = timedelta(seconds=70),
        fuse: Fuse | None = None,
    ) -> Answer:
        """body: JSON, or text as it is; left: how long the function has to live."""
        dispatch, batches = self._dispatch(fuse), self._alive(self.batches, fuse)
        run = RunOperations(Meter(self._alive(self.usage, fuse)), self.concurrency, self.errors.append)
        submit = Submit(batches, self._alive(self.queue, fuse), self.clock, timedelta(hours=24), self.errors.append)
        routes = {
            **Batches(run, dispatch, self.patience).routes(),
            **Jobs(submit, ReadBatches(batches, self.clock, FAMILY)).routes(),
            **Me().routes(),
        }
        handler = endpoint(routes=routes, gate=dispatch.gate, envelope=dispatch.envelope, service="operations_batch")
        job = path.removeprefix("/v1/batch/async/") if path.startswith("/v1/batch/async/") else None
        presented = f"bw_acme_k1.{SECRET}" if key is None else key
        event = {
            "httpMethod": method,
            "resource": path if job is None else "/v1/batch/async/{job_id}",
            "path": path,
            "pathParameters": None if job is None else {"job_id": job},
            "queryStringParameters": query,
            "headers": {"content-type": "application/json", "host": "api.example.com"}
            | ({"authorization": f"Bearer {presented}"} if presented else {})
            | dict(headers or {}),
            "requestContext": {"requestId": "gateway-1", "path": path, "domainName": "api.example.com"},
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
        }
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: int(left.total_seconds() * 1000))
        answer = handler(event, context)
        return Answer(answer["statusCode"], answer["body"], answer["headers"])

    def batch(self, operations: Any, path: str = "/v1/batch", *, fuse: Fuse | None = None, **fields: Any) -> Answer:
        """Send operations; a field of the request, or `key`, `headers` and `left` of the call."""
        settings = {name: fields.pop(name) for name in ("key", "headers", "left") if name in fields}
        return self.call("POST", path, {"operations": operations, **fields}, fuse=fuse, **settings)

    def submit(self, operations: Any, *, fuse: Fuse | None = None, **fields: Any) -> BatchRef:
        """Submit a job and return its name; it is not worked yet."""
        answer = self.batch(operations, "/v1/batch/async", fuse=fuse, **fields)
        assert answer.status == 202, answer.text
        return BatchRef("acme", answer.body["data"]["jobId"])

    def work(self, ref: BatchRef, *, fuse: Fuse | None = None, time: timedelta = timedelta(minutes=5)) -> Stint:
        dispatch = self._dispatch(fuse)
        return WorkJob(
            batches=self._alive(self.batches, fuse),
            queue=self._alive(self.queue, fuse),
            call=JobCalls(dispatch, dispatch.gate.authenticate),
            clock=self.clock,
            concurrency=self.concurrency,
            patience=PATIENCE,
            new_token=lambda: next(self._tokens),
        )(ref, 0, self.clock.now() + time)

    def complete(self, ref: BatchRef) -> None:
        Complete(self.batches, self.delivery_queue, {FAMILY: tell_nobody}, self.clock)(ref)

    def sweep(self, *, fuse: Fuse | None = None) -> None:
        batches = self._alive(self.batches, fuse)
        Sweep(
            batches=batches,
            deliveries=self.deliveries,
            queues={FAMILY: self._alive(self.queue, fuse)},
            delivery_queue=self.delivery_queue,
            complete=Complete(batches, self.delivery_queue, {FAMILY: tell_nobody}, self.clock),
            clock=self.clock,
            unexpected=self.errors.append,
        )()

    # ── the world around them ──

    def drain(self, *, twice: bool = False) -> None:
        """Deliver what is queued until nothing is; `twice` duplicates each message."""
        while messages := self.queue.take():
            for ref, _, delay in messages * (2 if twice else 1):
                self.clock.pass_(delay)
                self.work(ref)

    def settle_everything(self, ref: BatchRef, *, minutes: int = 20) -> Batch:
        """Let the queue, the stream and the sweeper run, minute by minute, until the job has ended."""
        for _ in range(minutes):
            self.drain()
            self.complete(ref)
            if self.header(ref).ended:
                break
            self.clock.pass_(timedelta(minutes=1))
            self.sweep()
        return self.header(ref)

    def header(self, ref: BatchRef) -> Batch:
        found = self.batches.get(ref)
        assert found is not None
        return found

    def job(self, ref: BatchRef, **settings: Any) -> dict[str, Any]:
        """Return a job as its client sees it."""
        answer = self.call("GET", f"/v1/batch/async/{ref.batch_id}", **settings)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.body["data"]
        return found


class _Hooked(Dispatch):
    """Calls the desk's hook before each operation."""

    def __init__(self, desk: Desk, *settings: Any) -> None:
        super().__init__(*settings)
        object.__setattr__(self, "_desk", desk)

    def perform(self, operation: Operation, *settings: Any) -> Ended:
        desk: Desk = object.__getattribute__(self, "_desk")
        desk.before(operation)
        return super().perform(operation, *settings)
