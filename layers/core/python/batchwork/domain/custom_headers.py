"""Headers that an endpoint's owner has sent with every delivery, such as an Authorization of their own (spec workflow runs
4.9). Those of the sender and of the connection are not theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

#: Headers of one endpoint, characters of a name and of a value.
MAX_HEADERS, MAX_NAME, MAX_VALUE = 20, 64, 1024
#: What the sender or the connection sets.
_OURS = frozenset(
    {
        *("accept-encoding", "connection", "content-encoding", "content-length", "content-type", "date", "expect"),
        *("host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"),
    }
)
_OUR_PREFIXES = ("webhook-", "x-extend-", "x-codeer-", "x-voxburst-", "proxy-")
_NAME = re.compile(rf"[!#$%&'*+.^_`|~0-9A-Za-z-]{{1,{MAX_NAME}}}")
_VALUE = re.compile(rf"[\x20-\x7e]{{0,{MAX_VALUE}}}")


def faults(headers: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
    """Yield (name, what is wrong with it) for each header that cannot be sent; None instead of a name that is none."""
    if len(headers) > MAX_HEADERS:
        yield None, f"Must be at most {MAX_HEADERS} headers, not {len(headers)}"
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(name):
            yield None, f"Names must be 1 to {MAX_NAME} letters, digits, hyphens and the like (RFC 9110)"
        elif lower in _OURS or lower.startswith(_OUR_PREFIXES):
            yield name, "Is set by the sender"
        elif lower in seen:
            yield name, "Is named more than once, in upper and lower case"
        elif not isinstance(value, str) or not _VALUE.fullmatch(value) or value != value.strip():
            yield name, f"Must be text of at most {MAX_VALUE} printable ASCII characters without spaces around it"
        seen.add(lower)
