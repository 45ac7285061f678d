"""Which addresses customers may have us send requests to: none that leads into a private network or to this machine.

A name proves nothing when it is accepted, so names are judged by their addresses at every attempt (adapters/http.py);
what can be told from the URL alone is refused at submit.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urlsplit

Address = IPv4Address | IPv6Address

MAX_URL = 2048

#: IANA's special-purpose registries, written out: `ipaddress.is_global` changed its mind between Python releases.
#: The first network that holds an address names it.
_REFUSED_V4 = [
    (IPv4Network(network), kind)
    for network, kind in (
        ("169.254.169.254/32", "a metadata service"),
        ("169.254.170.2/32", "a metadata service"),
        ("100.100.100.200/32", "a metadata service"),
        ("168.63.129.16/32", "a metadata service"),
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a shared (carrier-grade NAT) address"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "a documentation address"),
        ("192.31.196.0/24", "a reserved address"),
        ("192.52.193.0/24", "a reserved address"),
        ("192.88.99.0/24", "a reserved address"),
        ("192.168.0.0/16", "a private address"),
        ("192.175.48.0/24", "a reserved address"),
        ("198.18.0.0/15", "a benchmarking address"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
]
_REFUSED_V6 = [
    (IPv6Network(network), kind)
    for network, kind in (
        ("fd00:ec2::/32", "a metadata service"),
        ("fd20:ce::254/128", "a metadata service"),
        ("::/128", "an unspecified address"),
        ("::1/128", "a loopback address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private address"),
        ("ff00::/8", "a multicast address"),
        ("64:ff9b:1::/48", "a private address"),
        ("2001::/32", "a Teredo address"),
        ("2001:2::/48", "a benchmarking address"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "a documentation address"),
        ("3fff::/20", "a documentation address"),
    )
]
_GLOBAL_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

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


def is_loopback(address: Address) -> bool:
    """Whether an address is this machine's own, written plainly (not inside another address)."""
    return any(address in network for network in _LOOPBACK if network.version == address.version)


def refused(address: Address, *, allow_loopback: bool = False) -> str | None:
    """Return what an address is that it may not be sent to, such as ``a private address``; None when it may."""
    if allow_loopback and is_loopback(address):
        return None
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _REFUSED_V4 if address in network), None)
    if address.scope_id is not None:
        return "an address with a zone"
    embedded = _embedded(address)
    if embedded is not None:
        kind = refused(embedded)
        return f"{kind} inside IPv6" if kind else None
    for network, kind in _REFUSED_V6:
        if address in network:
            return kind
    return None if address in _GLOBAL_V6 else "a reserved address"


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a mapped, 6to4 or NAT64 address leads to."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


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
