from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.egress import FakeEgress, Sent
from fakes.receiver import a_raw_receiver, a_receiver

from batchwork.adapters.http import HttpEgress
from batchwork.domain.errors import EgressRefused
from batchwork.ports import Answer, Egress

TIMEOUT = timedelta(seconds=3)
MAPPED = ip_address("::ffff:10.0.0.1")  # printed differently by Python 3.13
NAMES = {
    "good.localhost": ["127.0.0.1"],
    "bad.example.com": ["10.0.0.1"],
    "mixed.example.com": ["127.0.0.1", "10.0.0.1"],
}


def reply(sent: Sent) -> Answer:  # noqa: PLR0911 -- a table of paths reads best as one
    """What the receiver answers, by path; both kinds of egress are told the same."""
    match sent.path:
        case "/slow":
            time.sleep(0.5)
            return Answer(200)
        case "/later":
            return Answer(503, timedelta(seconds=120))
        case "/moved":
            return Answer(307, location="https://elsewhere.example.com/a?b=c")
        case "/large":
            return Answer(200, body=b"x" * 100_000)
        case "/echo":
            return Answer(200, body=sent.body)
        case "/typed":
            return Answer(200, body=b"{}", content_type="application/vnd.shop+json; charset=utf-8")
    return Answer(int(sent.path.removeprefix("/").partition("?")[0]))


@dataclass
class Both:
    """One of the two kinds of egress, and the URL of its receiver."""

    egress: Egress
    origin: str
    seen: Callable[[], list[Sent]]

    def post(self, path: str, body: bytes = b"{}", **settings: Any) -> Answer:
        return self.egress.post(self.origin + path, body, {"X-Test": "1"}, **({"timeout": TIMEOUT} | settings))

    def send(self, method: str, path: str, body: bytes = b"", **settings: Any) -> Answer:
        return self.egress.send(method, self.origin + path, body, {"X-Test": "1"}, **({"timeout": TIMEOUT} | settings))


@pytest.fixture(params=["fake", "http"])
def world(request: pytest.FixtureRequest) -> Iterator[Both]:
    if request.param == "fake":
        origin = "http://127.0.0.1:9"
        fake = FakeEgress({origin: reply, "http://good.localhost:9": reply}, allow_loopback=True)
        fake.names = NAMES
        yield Both(fake, origin, lambda: fake.sent)
        return

    def react(sent: Sent) -> tuple[int, dict[str, str], bytes]:
        answer = reply(sent)
        wait = {"Retry-After": str(int(answer.retry_after.total_seconds()))} if answer.retry_after else {}
        kind = {"Content-Type": answer.content_type} if answer.content_type else {}
        leads = {"Location": answer.location} if answer.location else {}
        return answer.status, wait | kind | leads, answer.body

    with a_receiver(react) as receiver:
        egress = HttpEgress(
            allow_loopback=True, resolver=lambda host, _port: [ip_address(address) for address in NAMES[host]]
        )
        yield Both(egress, receiver.url, lambda: receiver.seen)


@pytest.mark.parametrize("status", [200, 201, 204, 400, 410, 500, 503])
def test_the_receivers_status_comes_back(world: Both, status: int) -> None:
    assert world.post(f"/{status}").status == status


def test_the_receiver_gets_the_body_and_headers_as_they_are(world: Both) -> None:
    body = bytes(range(256)) * 300
    assert world.post("/echo", body, limit=100_000).body == body
    (sent,) = world.seen()
    assert sent.body == body
    assert {name.lower(): value for name, value in sent.headers.items()}["x-test"] == "1"


def test_retry_after_is_understood(world: Both) -> None:
    assert world.post("/later") == Answer(503, timedelta(seconds=120))
    assert world.post("/503").retry_after is None


def test_a_redirect_is_an_answer(world: Both) -> None:
    assert world.post("/moved").status == 307
    assert len(world.seen()) == 1


def test_the_answer_is_read_up_to_the_limit_and_says_that_it_was_cut(world: Both) -> None:
    assert len(world.post("/large").body) == 65_536
    assert len(world.post("/large", limit=10).body) == 10
    assert world.post("/large", limit=99_999).cut
    whole = world.post("/large", limit=100_000)
    assert (len(whole.body), whole.cut) == (100_000, False)


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@pytest.mark.parametrize("method", METHODS)
def test_a_request_is_sent_by_its_method_with_its_path_query_headers_and_body(world: Both, method: str) -> None:
    assert world.send(method, "/201?limit=5&q=%2F", b"" if method == "GET" else b'{"a": 1}').status == 201
    (sent,) = world.seen()
    assert (sent.method, sent.path) == (method, "/201?limit=5&q=%2F")
    assert sent.body == (b"" if method == "GET" else b'{"a": 1}')
    assert {name.lower(): value for name, value in sent.headers.items()}["x-test"] == "1"


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_without_a_body_is_one_for_every_method(world: Both, method: str) -> None:
    answer = world.send(method, "/204")
    assert (answer.status, answer.body, answer.content_type, answer.cut) == (204, b"", "", False)


@pytest.mark.parametrize("method", METHODS)
def test_no_method_follows_a_redirect(world: Both, method: str) -> None:
    assert world.send(method, "/moved").status == 307
    assert len(world.seen()) == 1


@pytest.mark.parametrize("method", METHODS)
def test_every_method_ends_with_its_timeout(world: Both, method: str) -> None:
    with pytest.raises(TimeoutError, match=r"^timeout after 0\.2 s$"):
        world.send(method, "/slow", timeout=timedelta(seconds=0.2))


def test_where_a_redirect_leads_comes_back(world: Both) -> None:
    assert world.send("GET", "/moved").location == "https://elsewhere.example.com/a?b=c"
    assert world.send("GET", "/204").location == ""


def test_the_content_type_of_an_answer_comes_back(world: Both) -> None:
    assert world.send("GET", "/typed").content_type == "application/vnd.shop+json; charset=utf-8"


def test_a_slow_receiver_is_a_timeout(world: Both) -> None:
    with pytest.raises(TimeoutError, match=r"^timeout after 0\.2 s$"):
        world.post("/slow", timeout=timedelta(seconds=0.2))


def test_a_closed_port_is_a_connection_refused(world: Both) -> None:
    with pytest.raises(ConnectionRefusedError, match=r"^connection refused$"):
        world.egress.post("http://127.0.0.1:1/", b"{}", {}, TIMEOUT)


def test_a_name_is_sent_to_by_its_address(world: Both) -> None:
    port = world.origin.rsplit(":", 1)[1]
    assert world.egress.post(f"http://good.localhost:{port}/200", b"{}", {}, TIMEOUT).status == 200


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://10.0.0.1/", "10.0.0.1 is a private address"),
        ("https://169.254.169.254/", "169.254.169.254 is a metadata service"),
        ("https://[::ffff:10.0.0.1]/", f"{MAPPED} is a private address inside IPv6"),
        ("https://bad.example.com/", "10.0.0.1 is a private address"),
        ("https://mixed.example.com/", "10.0.0.1 is a private address"),
        ("http://8.8.8.8/", "8.8.8.8 is not loopback, where alone plain http is allowed"),
        ("https://user:secret@example.com/", "the URL must not contain a user name or password"),
        ("ftp://example.com/", "the URL must be an HTTPS URL"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_reason(world: Both, method: str, url: str, reason: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        world.egress.send(method, url, b"{}", {}, TIMEOUT)
    assert refused.value.facts["reason"] == reason
    assert "secret" not in str(refused.value)
    assert world.seen() == []


def test_a_retry_after_date_counts_from_now() -> None:
    clock = FakeClock()
    at = format_datetime(clock.now() + timedelta(minutes=5), usegmt=True)
    with a_receiver(lambda _: (429, {"Retry-After": at}, b"")) as receiver:
        answer = HttpEgress(allow_loopback=True, clock=clock).post(receiver.url + "/", b"{}", {}, TIMEOUT)
    assert answer.retry_after == timedelta(minutes=5)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_has_no_body_tells_no_length(method: str) -> None:
    with a_receiver() as receiver:
        HttpEgress(allow_loopback=True).send(method, receiver.url + "/", b"", {}, TIMEOUT)
    assert "content-length" not in receiver.seen[0].headers


def test_the_headers_of_the_connection_are_the_adapters_own() -> None:
    """A caller's Host would reach another server behind the same address, its Content-Length smuggle a second request."""
    given = {"host": "evil.example", "CONNECTION": "keep-alive", "content-length": "1", "user-agent": "cli/2"}
    with a_receiver() as receiver:
        HttpEgress(allow_loopback=True).send("POST", receiver.url + "/", b"four", given, TIMEOUT)
    (sent,) = receiver.seen
    assert sent.headers["host"] == receiver.url.removeprefix("http://")
    assert (sent.headers["connection"], sent.headers["content-length"], sent.body) == ("close", "4", b"four")
    assert sent.headers["user-agent"] == "cli/2"


def test_a_body_that_ends_before_its_length_is_cut() -> None:
    def stops_short(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    with a_raw_receiver(stops_short) as url:
        answer = HttpEgress(allow_loopback=True).send("GET", url, b"", {}, TIMEOUT)
    assert (answer.body, answer.cut) == (b"half", True)


def test_a_body_without_a_length_is_whole_when_the_connection_ends() -> None:
    def closes(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\nall of it")

    with a_raw_receiver(closes) as url:
        answer = HttpEgress(allow_loopback=True).send("GET", url, b"", {}, TIMEOUT)
    assert (answer.body, answer.cut, answer.content_type) == (b"all of it", False, "text/plain; charset=utf-8")
