from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.receiver import a_raw_receiver, a_receiver

from batchwork.adapters.http import HttpEgress
from batchwork.domain.networks import Address

SHORT = timedelta(seconds=0.4)
#: What a deadline may be overrun by on a busy machine; a timeout that started again with each byte would take 5 s.
SLACK = 1.5


@pytest.fixture
def egress() -> HttpEgress:
    return HttpEgress(allow_loopback=True)


def hangs(_: socket.socket, over: threading.Event) -> None:
    over.wait(5)


def drips_headers(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    while not over.wait(0.05):
        connection.sendall(b"x")


def drips_a_body(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b"x")


def drips_a_body_without_end(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b"1\r\nx\r\n")


def continues_for_ever(connection: socket.socket, over: threading.Event) -> None:
    while not over.wait(0.05):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize(
    "behaviour", [hangs, drips_headers, drips_a_body, drips_a_body_without_end, continues_for_ever]
)
def test_no_receiver_holds_an_attempt_beyond_its_timeout(
    egress: HttpEgress, behaviour: Callable[[socket.socket, threading.Event], None]
) -> None:
    with a_raw_receiver(behaviour) as url:
        started = time.monotonic()
        with pytest.raises(TimeoutError, match=r"^timeout after 0\.4 s$"):
            egress.post(url, b"{}", {}, SHORT)
        assert time.monotonic() - started < SHORT.total_seconds() + SLACK


def test_a_receiver_that_never_speaks_tls_cannot_either(egress: HttpEgress) -> None:
    with a_raw_receiver(hangs) as url, pytest.raises(TimeoutError):
        egress.post(url.replace("http:", "https:"), b"{}", {}, SHORT)


def test_a_receiver_that_does_not_read_a_large_request_cannot_either(egress: HttpEgress) -> None:
    with a_raw_receiver(hangs) as url, pytest.raises(TimeoutError):
        egress.post(url, b"x" * 50_000_000, {}, SHORT)


def test_a_name_server_that_hangs_cannot_either() -> None:
    asked = threading.Event()

    def hang(_host: str, _port: int) -> list[Address]:
        asked.wait(5)
        return []

    egress = HttpEgress(allow_loopback=False, resolver=hang)
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"^timeout after 0\.4 s$"):
        egress.post("https://hooks.example.com/", b"{}", {}, SHORT)
    assert time.monotonic() - started < SHORT.total_seconds() + SLACK
    asked.set()


def test_a_huge_answer_is_read_up_to_the_limit(egress: HttpEgress) -> None:
    with a_receiver(lambda _: (200, {}, b"x" * 30_000_000)) as receiver:
        answer = egress.post(receiver.url + "/hook", b"{}", {}, timedelta(seconds=5), limit=1000)
    assert answer.body == b"x" * 1000


def says(text: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def behave(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(text)

    return behave


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "connection closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no valid HTTP answer"),
        (b"HTTP/1.1 999999 ??\r\n\r\n", "no valid HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", "no valid HTTP answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "no valid HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no valid HTTP answer"),
    ],
)
def test_an_answer_that_is_none_is_told_shortly(egress: HttpEgress, text: bytes, told: str) -> None:
    with a_raw_receiver(says(text)) as url, pytest.raises(OSError, match=f"^{told}$"):
        egress.post(url, b"{}", {}, timedelta(seconds=5))


def test_an_answer_without_a_reason_phrase_counts(egress: HttpEgress) -> None:
    with a_raw_receiver(says(b"HTTP/1.1 204\r\n\r\n")) as url:
        assert egress.post(url, b"{}", {}, timedelta(seconds=5)).status == 204


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        (" 0 ", timedelta()),
        ("Thu, 15 Jan 2026 10:31:00 GMT", timedelta(seconds=60)),
        ("Thu, 15 Jan 2026 10:29:00 GMT", timedelta()),
        ("Thursday, 15-Jan-26 10:31:00 GMT", timedelta(seconds=60)),
        ("Thu Jan 15 10:31:00 2026", timedelta(seconds=60)),
        ("99999999999999999999", timedelta(seconds=10**9)),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("Thu, 99 Jan 2026 10:31:00 GMT", None),
        ("Thu, 15 Jan 99999 10:31:00 GMT", None),
        ("Mon, 01 Jan 2024 00:00:00 +999999999999999999999", None),
    ],
)
def test_retry_after_is_understood_as_seconds_or_date(header: str, wait: timedelta | None) -> None:
    egress = HttpEgress(allow_loopback=True, clock=FakeClock())  # stands at 2026-01-15 10:30:00
    with a_receiver(lambda _: (503, {"Retry-After": header}, b"")) as receiver:
        assert egress.post(receiver.url + "/hook", b"{}", {}, timedelta(seconds=5)).retry_after == wait


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, signed by itself: the key and it in one file."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(cert), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text(key.read_text() + cert.read_text())
    return both


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_self_signed_receiver_is_refused(egress: HttpEgress, certificate: Path) -> None:
    with a_receiver(tls=server_tls(certificate), host="localhost") as receiver:
        with pytest.raises(OSError, match=r"^TLS: certificate not accepted: self-signed certificate$"):
            egress.post(receiver.url + "/hook", b"{}", {}, timedelta(seconds=5))
        assert receiver.seen == []


def test_a_trusted_certificate_is_accepted_for_its_name_and_the_body_arrives(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    egress = HttpEgress(allow_loopback=True)
    with a_receiver(tls=server_tls(certificate), host="localhost") as receiver:
        answer = egress.post(receiver.url + "/hook?a=b", b"x" * 100_000, {"A": "b"}, timedelta(seconds=5))
    assert (answer.status, answer.body) == (200, b"ok")
    (seen,) = receiver.seen
    assert (seen.path, len(seen.body), seen.headers["a"]) == ("/hook?a=b", 100_000, "b")
    assert seen.headers["host"] == receiver.url.removeprefix("https://")


def test_a_trusted_certificate_is_refused_for_another_name(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    egress = HttpEgress(allow_loopback=True, resolver=lambda _host, _port: [ip_address("127.0.0.1")])
    with a_receiver(tls=server_tls(certificate), host="localhost") as receiver:
        port = receiver.url.rsplit(":", 1)[1]
        with pytest.raises(OSError, match=r"^TLS: certificate not accepted: Hostname mismatch"):
            egress.post(f"https://hooks.example.com:{port}/", b"{}", {}, timedelta(seconds=5))
        with pytest.raises(OSError, match=r"^TLS: certificate not accepted: IP address mismatch"):
            egress.post(f"https://127.0.0.1:{port}/", b"{}", {}, timedelta(seconds=5))
        assert receiver.seen == []


def test_plain_text_where_tls_is_expected_is_told_as_tls(egress: HttpEgress) -> None:
    with a_receiver() as receiver, pytest.raises(OSError, match=r"^TLS: "):
        egress.post(receiver.url.replace("http:", "https:"), b"{}", {}, timedelta(seconds=5))
