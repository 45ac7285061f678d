"""What a family takes for an Idempotency-Key, and when it takes two requests for the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.idempotency import MAX_KEY, digest, key_of
from batchwork.edge.http import Request
from batchwork.use_cases.once import Asked

HEADER = "Idempotency-Key"
#: The kind of the problem that a header which is no key has.
INVALID_KEY = "idempotency_key"


@dataclass(frozen=True, slots=True)
class KeyRule:
    """A family's rule. read: returns the key that a header gives, None for what is no key; message: says what is one.

    same: returns what of a body is compared: two requests whose bodies agree in it are the same. place: returns what of a path
    is: a family may serve one route under two.
    """

    read: Callable[[str], str | None]
    message: str
    same: Callable[[bytes], bytes] = bytes
    place: Callable[[str], str] = str

    def asked(self, request: Request, time_left: timedelta, standing: Iterable[str] = ()) -> Asked:
        """Return what a request asks for. Raises InvalidRequest for an Idempotency-Key that is none.

        standing: scopes without which it would be another request.
        """
        presented = request.headers.get(HEADER.lower())
        key = None if presented is None else self.read(presented)
        if presented is not None and key is None:
            raise InvalidRequest([Problem(HEADER, self.message, INVALID_KEY, structural=False)])
        # Each part for itself: joined by & and =, a value that holds both would read like two parameters.
        query = (part.encode("utf-8", "surrogatepass") for pair in sorted(request.query.items()) for part in pair)
        scopes = (scope.encode() for scope in sorted(standing))
        return Asked(
            name=f"{request.method} {self.place(request.path)}",
            # Nobody compares what has no key, and to digest 5 MB takes milliseconds.
            body="" if key is None else digest(*query, *scopes, self.same(request.content)),
            key=key,
            time_left=time_left,
        )


#: Any key that the HTTP draft allows, and the same bytes.
PRINTABLE = KeyRule(key_of, f"Must be 1 to {MAX_KEY} printable ASCII characters, bare or in double quotes")
