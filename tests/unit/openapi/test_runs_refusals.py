"""Every call of the workflow runs family is refused as documented for what is checked before it, and takes its examples."""

from __future__ import annotations

from typing import Any

import pytest
from fakes.claims import FakeClaims
from unit.openapi.runs_counter import NEW, NOBODY, RunsCounter, documented, example_of

from batchwork.domain.idempotency import Claim, Prior
from batchwork.domain.workspace import WorkspaceStatus
from batchwork.edge.endpoint import BODY_LIMIT

CALLS = sorted(documented())
NAMES = {"id": "none", "batch_id": "none", "delivery_id": "none", "version": "1"}
#: An example of what asks for runs, of this generation.
EXAMPLES = {None: "legacy", NEW: "2026"}
REFUSED = {"401", "403", "409", "413", "415", "422", "429", "500"}


def body_of(verb: str, path: str, version: str | None) -> dict[str, Any]:
    """Return a body as the document shows it, as a call takes it."""
    told = documented()[verb, path].get("requestBody")
    if told is None:
        return {}
    if "multipart/form-data" in told["content"]:
        return {"form": ({"file": ("a.txt", b"Total: 5", "text/plain")}, {})}
    named = told["content"]["application/json"].get("examples", {})
    name = EXAMPLES[version] if EXAMPLES[version] in named else None
    return {"body": example_of(verb, path, name)}


def call(counter: RunsCounter, verb: str, path: str, **more: Any) -> Any:
    return counter(verb, path, **{**body_of(verb, path, counter.version), **more, **NAMES})


class TakenClaims(FakeClaims):
    """Every key is held: by the same request, or by another one."""

    def __init__(self, *, same: bool) -> None:
        super().__init__()
        self.same = same

    def claim(self, claim: Claim, now: Any) -> Prior:
        return Prior(body=claim.body if self.same else "another", until=claim.until, answered=None)


class Down:
    """A port that cannot be reached."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError(name)


@pytest.mark.parametrize("version", [None, NEW])
@pytest.mark.parametrize(("verb", "path"), CALLS)
def test_a_call_is_refused_as_documented(verb: str, path: str, version: str | None) -> None:
    counter = RunsCounter(version)
    told = documented()[verb, path]["responses"]
    acts = "409" in told
    call(counter, verb, path, key=NOBODY)
    call(counter, verb, path, key=counter.a_key(workspace_id="gone", status=WorkspaceStatus.SUSPENDED))
    call(counter, verb, path, key=counter.a_key("agents:read", key_id="k2"))
    if acts:
        for same in (True, False):
            counter.claims = TakenClaims(same=same)
            call(counter, verb, path)
        call(counter, verb, path, headers={"idempotency-key": "ключ"})
    else:
        call(counter, verb, path, speaking="2000-01-01")
    if "413" in told:
        call(counter, verb, path, form=None, body=b" " * (BODY_LIMIT + 1))
    if "415" in told:
        call(counter, verb, path, form=None, body=b"a=b", headers={"content-type": "text/csv"})
    if "402" in told:
        counter.claims = FakeClaims()
        _with_a_workflow(counter, verb, path)
    counter.a_key(per_minute=0)
    call(counter, verb, path)
    counter.identities = Down()  # type: ignore[assignment]
    call(counter, verb, path)
    wanted = {status for status in told if status in REFUSED | {"400", "402"}}
    given = {str(status) for called, where, status in counter.answered if (called, where) == (verb, path)}
    assert given == wanted


def _with_a_workflow(counter: RunsCounter, verb: str, path: str) -> None:
    """Ask for runs of a workflow that there is, with no quota left."""
    made = counter("post", "/workflows", {"name": "Invoices"})
    workflow_id = made["id"] if counter.version == NEW else made["workflow"]["id"]
    body = body_of(verb, path, counter.version)["body"]
    named = {"workflow": {"id": workflow_id}} if counter.version == NEW else {"workflowId": workflow_id}
    body = {name: value for name, value in {**body, **named}.items() if name != "version"}
    counter.a_key(monthly_quota=0)
    counter(verb, path, body)
