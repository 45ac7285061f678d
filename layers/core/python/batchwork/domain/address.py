"""URLs that customers may have us send requests to.

A name proves nothing when it is accepted, so names are judged by their addresses at every attempt (adapters/http.py);
what can be told from the URL alone is refused at submit.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote, urlsplit

from batchwork.domain.networks import Address, is_loopback, refused

MAX_URL = 2048

_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LOCAL_NAME = re.compile(r"(.*\.)?(localhost|localdomain)")
_PRIVATE_NAME = re.compile(r".*\.(internal|local|lan|intranet|private|corp|home|home\.arpa)|[^.]+")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. host: a lower-case ASCII name or the plain text of an address; path: with its query."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def authority(self) -> str:
        """Return the Host header."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


class BadUrlError(ValueError):
    """A URL that no request can be sent to; its text says what it must be."""


def check_url(url: str, *, allow_loopback: bool = False) -> str | None:
    """Return why a URL can never be sent to, as a text that follows the field's name; None when it may be tried."""
    try:
        target = parse(url)
    except BadUrlError as exc:
        return str(exc)
    local = _is_local(target)
    if target.scheme != "https" and not (allow_loopback and local):
        return "must be an HTTPS URL"
    if target.address is not None:
        kind = refused(target.address, allow_loopback=allow_loopback)
        return f"must not lead to {kind}" if kind else None
    if local:
        return None if allow_loopback else "must not lead to a loopback address"
    return "must not lead to a private name" if _PRIVATE_NAME.fullmatch(target.host) else None


def _is_local(target: Target) -> bool:
    if target.address is not None:
        return is_loopback(target.address)
    return _LOCAL_NAME.fullmatch(target.host) is not None


def parse(url: str) -> Target:
    """Take a URL apart, strictly: what two parsers could read differently is refused. Raises BadUrlError."""
    if len(url) > MAX_URL:
        raise BadUrlError(f"must have at most {MAX_URL} characters")
    if any(not c.isprintable() or c.isspace() or c == "\\" for c in url):
        raise BadUrlError("must not contain spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise BadUrlError("must be a URL with a valid host and port") from exc
    if parts.scheme not in {"https", "http"}:
        raise BadUrlError("must be an HTTPS URL")
    if "@" in parts.netloc:
        raise BadUrlError("must not contain a user name or password")
    if port == 0 or parts.netloc.endswith(":") or not parts.hostname:
        raise BadUrlError("must be a URL with a valid host and port")
    host, address = _host(parts.hostname, bracketed="[" in parts.netloc)
    path = quote(parts.path, safe=_PATH_SAFE) or "/"
    query = "?" + quote(parts.query, safe=_PATH_SAFE + "?") if parts.query else ""
    default = 443 if parts.scheme == "https" else 80
    return Target(parts.scheme, host, port or default, path + query, address)


def _host(text: str, *, bracketed: bool) -> tuple[str, Address | None]:
    """Return a host as it is looked up, and the address it is when it is one in any notation."""
    if "%" in text:
        raise BadUrlError("must not contain an escaped host or a zone")
    if bracketed:
        try:
            address: Address = ip_address(text)
        except ValueError as exc:
            raise BadUrlError("must be a URL with a valid host and port") from exc
        return str(address), address
    name = unicodedata.normalize("NFKC", text).replace("。", ".").lower().removesuffix(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError as exc:
            raise BadUrlError("must be a URL with a valid host and port") from exc
    if len(name) > 253 or not _HOST.fullmatch(name):
        raise BadUrlError("must be a URL with a valid host and port")
    if _NUMBER.fullmatch(name.rsplit(".", 1)[-1]):
        number = _number_address(name)
        return str(number), number
    return name, None


def _number_address(text: str) -> IPv4Address:
    """Return the IPv4 address that inet_aton reads: one to four parts, decimal, octal or hexadecimal, the last fills."""
    parts = text.split(".")
    try:
        *bytes_, rest = [_number(part) for part in parts]
    except ValueError as exc:
        raise BadUrlError("must be a URL with a valid host and port") from exc
    if len(parts) > 4 or any(byte > 255 for byte in bytes_) or rest >= 256 ** (5 - len(parts)):
        raise BadUrlError("must be a URL with a valid host and port")
    return IPv4Address(rest + sum(byte << 8 * (3 - place) for place, byte in enumerate(bytes_)))


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8) if len(text) > 1 and text.startswith("0") else int(text)
