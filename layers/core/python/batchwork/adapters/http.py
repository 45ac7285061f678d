"""Requests to addresses that customers chose (ports.Egress).

Built on http.client over a socket of our own: the name is looked up once, every address it has is judged, and the
connection goes to exactly the address that was judged. A library that looks the name up again could be told another
address the second time (DNS rebinding), and its timeouts start again with every byte of a dripping server.
Proxies of the environment do not apply, nothing is retried, and redirects are answers like any other.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.deadline import Channel, Deadline
from batchwork.domain import address as addresses
from batchwork.domain import networks
from batchwork.domain.address import BadUrlError, Target
from batchwork.domain.errors import EgressRefused
from batchwork.domain.networks import Address
from batchwork.ports import Answer, Clock

USER_AGENT = "Batchwork/1"

#: Returns the addresses of (host, port); raises OSError when there are none.
Resolver = Callable[[str, int], list[Address]]


def resolve(host: str, port: int) -> list[Address]:
    """Return a name's addresses in the system's order, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class _Message:
    """What is sent."""

    method: str
    body: bytes
    headers: dict[str, str]

    def headers_to(self, target: Target) -> dict[str, str]:
        """Return all headers; those of the connection are the adapter's own, in whatever case they were given."""
        own = {"Host": target.authority, "Connection": "close"}
        names = {name.lower() for name in (*own, "Content-Length", "Transfer-Encoding")}
        given = {name: value for name, value in self.headers.items() if name.lower() not in names}
        agent = {} if "user-agent" in map(str.lower, given) else {"User-Agent": USER_AGENT}
        return own | agent | given


class HttpEgress:
    """Sends to public addresses over verified TLS.

    allow_loopback: this machine may be a receiver too, there also over plain http (the local stack).
    Certificates are verified against the system's authorities (`SSL_CERT_FILE` names others).
    """

    def __init__(
        self,
        *,
        allow_loopback: bool,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._resolve = resolver
        self._given_tls = tls
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """One context for all requests, made at the first: reading the authorities takes about 20 ms."""
        return self._given_tls or ssl.create_default_context()

    def post(self, url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536) -> Answer:
        """POST once, as `send` does."""
        return self.send("POST", url, body, headers, timeout, limit)

    def send(
        self, method: str, url: str, body: bytes, headers: dict[str, str], timeout: timedelta, limit: int = 65_536
    ) -> Answer:
        """Send once; `timeout` covers name, connect, TLS and read together.

        Raises EgressRefused (facts `address`, `reason`) and OSError, whose text is short and fit to be shown.
        """
        deadline = Deadline(timeout)
        try:
            target = self._target(url)
            sock = self._connect(target, self._addresses(target, deadline), deadline)
            with sock:
                return self._exchange(sock, target, _Message(method, body, headers), limit, deadline)
        except (OSError, HTTPException) as exc:
            raise _told(exc, deadline) from exc

    def _target(self, url: str) -> Target:
        try:
            target = addresses.parse(url)
        except BadUrlError as exc:
            raise EgressRefused(address="of this URL", reason=f"the URL {exc}") from exc
        if target.scheme != "https" and not self._allow_loopback:
            raise EgressRefused(address=target.host, reason="the URL must be an HTTPS URL")
        return target

    def _addresses(self, target: Target, deadline: Deadline) -> list[Address]:
        """Return the target's addresses, all of them allowed: one bad one among them is an attempt to get through."""
        found = [target.address] if target.address else self._look_up(target, deadline)
        for address in found:
            self._judge(address, target)
        return found

    def _look_up(self, target: Target, deadline: Deadline) -> list[Address]:
        """Resolve in a thread: getaddrinfo knows no timeout, and an attempt must not wait for it beyond its own."""
        found: list[list[Address] | OSError] = []

        def look_up() -> None:
            try:
                found.append(self._resolve(target.host, target.port))
            except (OSError, UnicodeError) as exc:  # a label that IDNA does not take is no name either
                found.append(exc if isinstance(exc, OSError) else _no_address())

        thread = threading.Thread(target=look_up, daemon=True, name="resolve")
        thread.start()
        thread.join(deadline.left())
        if not found:
            raise deadline.passed()
        if isinstance(found[0], OSError):
            raise found[0]
        if not found[0]:
            raise _no_address()
        return found[0]

    def _judge(self, address: Address, target: Target) -> None:
        kind = networks.refused(address, allow_loopback=self._allow_loopback)
        if kind is None and target.scheme != "https" and not networks.is_loopback(address):
            kind = "not loopback, where alone plain http is allowed"
        if kind is not None:
            raise EgressRefused(address=str(address), reason=f"{address} is {kind}")

    def _connect(self, target: Target, found: list[Address], deadline: Deadline) -> socket.socket:
        """Connect to the first address that answers, each given an equal share of what time is left."""
        for tried, address in enumerate(found):
            last = tried == len(found) - 1
            try:
                sock = socket.create_connection((str(address), target.port), deadline.left() / (len(found) - tried))
            except OSError:
                if last:
                    raise
                continue
            try:
                return self._secure(sock, target, deadline)
            except BaseException:
                sock.close()
                raise
        raise _no_address()

    def _secure(self, sock: socket.socket, target: Target, deadline: Deadline) -> socket.socket:
        """Judge the peer that was really reached, then speak TLS with it."""
        self._judge(ip_address(sock.getpeername()[0]), target)
        if target.scheme != "https":
            return sock
        with self._lock:
            tls = self._tls
        sock.settimeout(deadline.left())
        return tls.wrap_socket(sock, server_hostname=target.host)

    def _exchange(
        self, sock: socket.socket, target: Target, message: _Message, limit: int, deadline: Deadline
    ) -> Answer:
        connection = HTTPConnection(target.host, target.port)
        connection.sock = Channel(sock, deadline)  # all that http.client uses of a socket
        # No body is None: http.client tells the length of an empty one with methods that have none.
        connection.request(message.method, target.path, message.body or None, message.headers_to(target))
        response = connection.getresponse()
        length = response.length
        try:
            answered = response.read(limit + 1)
            # http.client says nothing of a body that ends before the length it was told.
            cut = len(answered) > limit or bool(response.length)
        finally:
            response.close()
        return Answer(
            response.status,
            self._retry_after(response.headers.get("Retry-After")),
            answered[:limit],
            " ".join(response.headers.get("Content-Type", "").split()),
            cut,
            response.headers.get("Location", "").strip(),
            length,
        )

    def _retry_after(self, text: str | None) -> timedelta | None:
        """Understand a Retry-After header: seconds or an HTTP date (RFC 9110, 10.2.3); None for anything else."""
        if text is None:
            return None
        if text.strip().isdecimal():
            return timedelta(seconds=min(int(text.strip()[:10]), 10**9))
        try:
            at: datetime = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # an offset of ages is a date to no one
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(timedelta(), at - self._clock.now())


def _no_address() -> OSError:
    return socket.gaierror(socket.EAI_NONAME, "no address")


def _told(exc: OSError | HTTPException, deadline: Deadline) -> OSError:
    """Return an error whose text says shortly what went wrong, without paths, keys or content."""
    told: OSError
    match exc:
        case TimeoutError():
            told = deadline.passed()
        case ssl.SSLCertVerificationError():
            told = ConnectionError(f"TLS: certificate not accepted: {exc.verify_message}")
        case ssl.SSLError():
            told = ConnectionError(f"TLS: {(exc.reason or 'handshake failed').lower().replace('_', ' ')}")
        case socket.gaierror():
            told = OSError("name not resolved")
        case ConnectionRefusedError():
            told = ConnectionRefusedError("connection refused")
        case ConnectionError():
            told = ConnectionError("connection closed without an answer")
        case HTTPException():
            told = ConnectionError("no valid HTTP answer")
        case _:
            told = OSError(f"no connection: {exc.strerror or type(exc).__name__}")
    return told
