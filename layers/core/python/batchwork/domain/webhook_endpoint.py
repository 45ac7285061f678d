"""Webhook endpoints: URLs that a workspace wants its events at (spec operations 1.9)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from batchwork.domain.resource import Resource
from batchwork.domain.webhook import Delivery

PREFIX = "wh_"
#: Endpoints of one workspace: each event of theirs is read against all of them.
MAX_ENDPOINTS = 50
#: An endpoint that took nothing for so long is switched off at its next failure.
PATIENCE = timedelta(days=5)
#: Random bytes of a secret; Standard Webhooks asks for 24 to 64.
SECRET_BYTES = 32
#: How long the secret before a rotation may go on signing, and how long it does unless something else is asked for.
MAX_OVERLAP, OVERLAP = timedelta(days=7), timedelta(hours=24)
#: Deliveries that an endpoint may be limited to in a minute.
MAX_RATE = 6000
#: What the switching off of an endpoint that took nothing for so long is called in its row.
DISABLED = "endpoint.disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint(Resource):
    """An endpoint. style: whose envelope, signature and schedule its deliveries have, such as ``voxburst``.

    previous: the secret before a rotation, which signs beside the present one until `previous_until`. rotation: the id of
    the ticket that it was made under.
    switched_off: disabled because it failed for too long, and neither enabled nor disabled by its owner since.
    rate: deliveries that it takes a minute, None for as many as come. name, headers (sent with every delivery), version
    (whose shapes the payloads have) and url_threshold (bytes above which a payload goes as a URL, None for never) are of
    styles that have them.
    """

    url: str
    events: tuple[str, ...]
    secret: str = field(repr=False)
    style: str
    enabled: bool = True
    switched_off: bool = False
    previous: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    rotation: str | None = None
    rate: int | None = None
    name: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: str | None = None
    url_threshold: int | None = None

    @property
    def listens(self) -> bool:
        """Whether events are kept for it: its owner wants it to be told, though nothing is sent while it is switched off."""
        return self.enabled or self.switched_off

    def previous_at(self, now: datetime) -> str | None:
        """Return the secret before the last rotation while that one's overlap lasts."""
        return self.previous if self.previous_until is not None and now < self.previous_until else None

    def addressed(self, delivery: Delivery, now: datetime) -> Delivery:
        """Return a delivery as it goes out now: to the present URL with the present headers, signed with the present
        secret, or with the one before and the present one while a rotation's overlap lasts.
        """
        previous = self.previous_at(now)
        first, following = (self.secret, None) if previous is None else (previous, self.secret)
        return replace(delivery, url=self.url, secret=first, next_secret=following, headers=self.headers)

    def rotated(self, secret: str, overlap: timedelta, rotation: str, now: datetime) -> WebhookEndpoint:
        """Return it with a new secret; the present one goes on signing for the overlap."""
        return replace(
            self,
            secret=secret,
            previous=self.secret if overlap else None,
            previous_until=now + overlap if overlap else None,
            rotation=rotation,
            revision=self.revision + 1,
            updated_at=now,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the attempts at an endpoint went. last_delivery_at: when the last one was made, whatever came of it.

    failures: attempts that failed since the last one that succeeded; failing_since: when the first of these was made.
    """

    last_delivery_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None

    def after(self, at: datetime, *, succeeded: bool) -> Health:
        """Return it after one more attempt."""
        if succeeded:
            return Health(last_delivery_at=at)
        return Health(last_delivery_at=at, failures=self.failures + 1, failing_since=self.failing_since or at)

    def given_up(self, now: datetime) -> bool:
        """Whether the endpoint failed for longer than anybody waits for it."""
        return self.failing_since is not None and now - self.failing_since > PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSubscription(Resource):
    """What an endpoint asks for of one resource alone, such as the runs of one workflow (spec workflow runs 4.9).

    resource_type: ``workflow``; resource_id: of the resource. One endpoint has one subscription to a resource.
    """

    endpoint_id: str
    resource_type: str
    resource_id: str
    events: tuple[str, ...]


def secret_of(random: bytes, style: str) -> str:
    """Return a secret: in the form of Standard Webhooks, ``whsec_`` and base64, or in the style's own."""
    if style == "extend":
        return f"wss_{base64.urlsafe_b64encode(random).decode().rstrip('=')}"
    return f"whsec_{base64.b64encode(random).decode()}"
