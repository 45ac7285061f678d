from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_address

from batchwork.domain import address as addresses
from batchwork.domain import networks
from batchwork.domain.address import BadUrlError
from batchwork.domain.errors import EgressRefused
from batchwork.ports import Answer


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as its receiver saw it."""

    url: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"

    @property
    def path(self) -> str:
        return addresses.parse(self.url).path


#: Answers a request, or raises what keeps it from being answered.
Receiver = Callable[[Sent], Answer]


class FakeEgress:
    """Receivers by origin (``https://host:port``) and names in dicts; judges addresses as the real one must."""

    def __init__(self, receivers: dict[str, Receiver] | None = None, *, allow_loopback: bool = False) -> None:
        self.receivers = receivers or {}
        self.names: dict[str, list[str]] = {}
        self.sent: list[Sent] = []
        self._allow_loopback = allow_loopback
        self._lock = threading.Lock()

    def post(self, url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536) -> Answer:
        return self.send("POST", url, body, headers, timeout, limit)

    def send(
        self, method: str, url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536
    ) -> Answer:
        try:
            target = addresses.parse(url)
        except BadUrlError as exc:
            raise EgressRefused(address="of this URL", reason=f"the URL {exc}") from exc
        if target.scheme != "https" and not self._allow_loopback:
            raise EgressRefused(address=target.host, reason="the URL must be an HTTPS URL")
        found = [target.address] if target.address else [ip_address(a) for a in self.names.get(target.host, [])]
        for address in found:
            kind = networks.refused(address, allow_loopback=self._allow_loopback)
            if kind is None and target.scheme != "https" and not networks.is_loopback(address):
                kind = "not loopback, where alone plain http is allowed"
            if kind:
                raise EgressRefused(address=str(address), reason=f"{address} is {kind}")
        receiver = self.receivers.get(f"{target.scheme}://{target.authority}")
        if not found or receiver is None:
            raise ConnectionRefusedError("connection refused") if found else OSError("name not resolved")
        sent = Sent(url, body, headers, method)
        with self._lock:
            self.sent.append(sent)
        started = time.monotonic()
        answer = receiver(sent)
        if time.monotonic() - started > timeout.total_seconds():
            raise TimeoutError(f"timeout after {timeout.total_seconds():g} s")
        return replace(answer, body=answer.body[:limit], cut=answer.cut or len(answer.body) > limit)
