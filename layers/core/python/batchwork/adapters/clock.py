"""The real clock."""

from __future__ import annotations

import random
from datetime import UTC, datetime


class SystemClock:
    """Time and chance of this machine."""

    def now(self) -> datetime:
        """Return the time: aware, UTC."""
        return datetime.now(UTC)

    def chance(self) -> float:
        """Return a uniform random number in [0, 1)."""
        return random.random()  # noqa: S311 -- jitter, not a secret
