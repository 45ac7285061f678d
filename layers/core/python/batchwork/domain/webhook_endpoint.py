"""Webhook endpoints: URLs that a workspace wants its events at (spec operations 1.9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from batchwork.domain.resource import Resource

PREFIX = "wh_"
#: An endpoint that took nothing for so long is switched off at its next failure.
PATIENCE = timedelta(days=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint(Resource):
    """An endpoint. style: whose signature its deliveries carry, such as ``voxburst``.

    failures: attempts that failed since the last one that succeeded; failing_since: when the first of these was made.
    """

    url: str
    events: tuple[str, ...]
    secret: str = field(repr=False)
    style: str
    enabled: bool = True
    last_delivery_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
