"""Rate limits as answers tell them, in the two ways that clients know."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from math import ceil

from batchwork.domain.limit import Allowance, Window


class Reset(StrEnum):
    """What X-RateLimit-Reset means to a family's clients (spec 00)."""

    #: The Unix time, in seconds, at which the minute ends.
    AT = "unix time"
    #: The seconds until it ends.
    IN = "seconds left"


def limit_headers(allowance: Allowance, reset: Reset) -> dict[str, str]:
    """Return the headers of an answer: the minute as X-RateLimit-*, both windows as RateLimit and RateLimit-Policy.

    The latter two follow draft-ietf-httpapi-ratelimit-headers-10.
    """
    minute, windows = allowance.minute, (allowance.minute, allowance.day)
    left = _seconds(minute, allowance)
    return {
        "X-RateLimit-Limit": str(minute.limit),
        "X-RateLimit-Remaining": str(minute.remaining),
        "X-RateLimit-Reset": str(left if reset is Reset.IN else int(minute.ends_at.timestamp())),
        "RateLimit-Policy": ", ".join(
            f'"{each.name}";q={each.limit};w={int(each.length.total_seconds())}' for each in windows
        ),
        "RateLimit": ", ".join(f'"{each.name}";r={each.remaining};t={_seconds(each, allowance)}' for each in windows),
    }


def retry_after(wait: timedelta) -> str:
    """Return a Retry-After header: whole seconds, at least one (RFC 9110, 10.2.3)."""
    return str(max(1, ceil(wait.total_seconds())))


def _seconds(window: Window, allowance: Allowance) -> int:
    return max(1, ceil((window.ends_at - allowance.at).total_seconds()))
