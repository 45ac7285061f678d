"""Accounts: a workspace's own on a social network (spec operations 1.7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from batchwork.domain.resource import Resource

PREFIX = "acc_"
#: The networks there are, as the published client names them, in upper case.
PLATFORMS = (
    *("TWITTER", "LINKEDIN", "FACEBOOK", "INSTAGRAM", "THREADS", "BLUESKY", "MASTODON", "YOUTUBE", "TIKTOK"),
    *("PINTEREST", "REDDIT", "SNAPCHAT", "TELEGRAM", "GOOGLE_BUSINESS", "WHATSAPP"),
)


class AccountStatus(StrEnum):
    """Whether an account can be used."""

    ACTIVE = "active"
    EXPIRED = "expired"
    ERROR = "error"
    DISCONNECTED = "disconnected"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Destination:
    """A page or channel that an account can post to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """A connection that was begun. redirect_url: where the network sends the person back to; until: when it runs out.

    used_by: the piece of work that used it, None while it is open.
    """

    platform: str
    redirect_url: str
    until: datetime
    used_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Resource):
    """An account. account_type: personal, business or creator. destinations: None while they were not loaded."""

    platform: str
    username: str
    display_name: str
    account_type: str = "personal"
    status: AccountStatus = AccountStatus.ACTIVE
    avatar_url: str | None = None
    connected_at: datetime
    disconnected_at: datetime | None = None
    destinations: tuple[Destination, ...] | None = None
    page_id: str | None = None
