from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from batchwork.domain.errors import LookupFailed
from batchwork.domain.item import Json

#: What a function does with its payload: it answers any JSON, raises TimeoutError when it is too late, or anything.
Function = Callable[[Json], Any]


@dataclass
class FakeLookupFunction:
    """ports.lookups.LookupFunction: functions of this process, by ARN. Keeps what they were given."""

    functions: dict[str, Function] = field(default_factory=dict)
    given: list[tuple[str, Json, timedelta]] = field(default_factory=list)

    def __call__(self, arn: str, payload: Json, timeout: timedelta) -> Any:
        self.given.append((arn, payload, timeout))
        if arn not in self.functions:
            raise LookupFailed(status=502, reason="The lookup function could not be invoked.")
        try:
            return json.loads(json.dumps(self.functions[arn](json.loads(json.dumps(payload)))))
        except TimeoutError:
            raise LookupFailed(status=504, reason="The lookup function did not answer in time.") from None
        except Exception:  # noqa: BLE001 -- whatever a function raises, Lambda tells the same
            raise LookupFailed(status=502, reason="The lookup function failed.") from None
