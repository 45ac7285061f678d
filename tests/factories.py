"""What tests are made of: keyword only, everything optional."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from batchwork.domain.batch import Batch, BatchStatus, WebhookTarget
from batchwork.domain.chunk import Cut
from batchwork.domain.idempotency import Claim, Ticket
from batchwork.domain.item import Item, Json
from batchwork.domain.usage import Charge
from batchwork.domain.workspace import ApiKey, Caller, Workspace

AT = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
_numbers = itertools.count(1)


def a_batch(
    *,
    id: str | None = None,  # noqa: A002 -- a batch's own word
    workspace_id: str = "acme",
    family: str = "messages",
    total: int = 20,
    slice_size: int = 10,
    cut: Cut | None = None,
    status: BatchStatus = BatchStatus.IN_PROGRESS,
    created_at: datetime = AT,
    deadline: timedelta = timedelta(hours=24),
    webhook: WebhookTarget | None = None,
    attributes: Json | None = None,
) -> Batch:
    return Batch(
        id=id or f"00000000-0000-4000-8000-{next(_numbers):012d}",
        workspace_id=workspace_id,
        family=family,
        cut=cut or Cut.of(total, slice_size),
        created_at=created_at,
        deadline_at=created_at + deadline,
        status=status,
        webhook=webhook,
        attributes=attributes or {},
    )


def an_item(*, index: int = 0, body: Json | None = None) -> Item:
    return Item(index, body if body is not None else {"custom_id": f"req-{index}", "message": f"Question {index}"})


def items_of(batch: Batch) -> list[Item]:
    return [an_item(index=index) for index in range(batch.total)]


def a_webhook(
    *,
    url: str = "https://your-server.com/webhooks/codeer",
    events: tuple[str, ...] = ("completed", "failed"),
    secret: str | None = "your-webhook-secret",
) -> WebhookTarget:
    return WebhookTarget(url=url, events=events, secret=secret)


def a_charge(
    *,
    id: str | None = None,  # noqa: A002 -- a charge's own word
    workspace_id: str = "acme",
    key_id: str = "k1",
    family: str = "messages",
    units: int = 1,
    at: datetime = AT,
    ceiling: int | None = None,
) -> Charge:
    return Charge(
        id=id or f"00000000-0000-4000-8000-{next(_numbers):012d}",
        workspace_id=workspace_id,
        key_id=key_id,
        family=family,
        units=units,
        at=at,
        ceiling=ceiling,
    )


def charge_for(batch: Batch, *, ceiling: int | None = None) -> Charge:
    return a_charge(
        id=batch.id,
        workspace_id=batch.workspace_id,
        family=batch.family,
        units=batch.total,
        at=batch.created_at,
        ceiling=ceiling,
    )


def a_claim(
    *,
    workspace_id: str = "acme",
    name: str = "the-name",
    body: str = "the-body",
    token: str | None = None,
    at: datetime = AT,
    hold: timedelta = timedelta(seconds=29),
    ticket: Ticket | None = None,
) -> Claim:
    """Return a claim made at a time; its token and its ticket are its own unless they are given."""
    number = next(_numbers)
    return Claim(
        workspace_id=workspace_id,
        name=name,
        body=body,
        token=token or f"token-{number}",
        until=at + hold,
        ticket=ticket or Ticket(f"ticket-{number}", at),
    )


def a_caller(
    *, workspace_id: str = "acme", plan: str = "free", key_id: str = "k1", **changes: int | bool | None
) -> Caller:
    """Return a caller whose key has every scope. changes: what its operator set otherwise."""
    workspace = Workspace(id=workspace_id, name=workspace_id.title(), plan=plan, created_at=AT, changes=changes)
    key = ApiKey(
        id=key_id,
        workspace_id=workspace_id,
        name="ci",
        digest="ab" * 32,
        scopes=frozenset({"*"}),
        created_at=AT,
    )
    return Caller(workspace, key)
