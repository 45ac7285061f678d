"""Where a request carries its API key: ``x-api-key: KEY`` or ``Authorization: Bearer KEY``."""

from __future__ import annotations

from collections.abc import Mapping

#: Longer than any key there can be (see domain.workspace).
LONGEST = 512


def presented_key(headers: Mapping[str, str]) -> str | None:
    """Return the key that a request presents; None when there is none, or when two headers name different ones."""
    named = headers.get("x-api-key", "").strip()
    scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
    bearer = bearer.strip() if scheme.lower() == "bearer" else ""
    if named and bearer and named != bearer:
        return None
    key = named or bearer
    return key if 0 < len(key) <= LONGEST and key.isascii() else None
