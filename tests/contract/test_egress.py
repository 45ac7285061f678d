from __future__ import annotations

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
from fakes.receiver import a_receiver

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


def reply(sent: Sent) -> Answer:
    """What the receiver answers, by path; both kinds of egress are told the same."""
    match sent.path:
        case "/slow":
            time.sleep(0.5)
            return Answer(200)
        case "/later":
            return Answer(503, timedelta(seconds=120))
        case "/moved":
            return Answer(307)
        case "/large":
            return Answer(200, body=b"x" * 100_000)
        case "/echo":
            return Answer(200, body=sent.body)
    return Answer(int(sent.path.removeprefix("/")))


@dataclass
class Both:
    """One of the two kinds of egress, and the URL of its receiver."""

    egress: Egress
    origin: str
    seen: Callable[[], list[Sent]]

    def post(self, path: str, body: bytes = b"{}", **settings: Any) -> Answer:
        return self.egress.post(self.origin + path, body, {"X-Test": "1"}, **({"timeout": TIMEOUT} | settings))


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
        wait = answer.retry_after
        return answer.status, {"Retry-After": str(int(wait.total_seconds()))} if wait else {}, answer.body

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


def test_the_answer_is_read_up_to_the_limit(world: Both) -> None:
    assert len(world.post("/large").body) == 65_536
    assert len(world.post("/large", limit=10).body) == 10


def test_a_slow_receiver_is_a_timeout(world: Both) -> None:
    with pytest.raises(TimeoutError, match=r"^timeout after 0\.2 s$"):
        world.post("/slow", timeout=timedelta(seconds=0.2))


def test_a_closed_port_is_a_connection_refused(world: Both) -> None:
    with pytest.raises(ConnectionRefusedError, match=r"^connection refused$"):
        world.egress.post("http://127.0.0.1:1/", b"{}", {}, TIMEOUT)


def test_a_name_is_sent_to_by_its_address(world: Both) -> None:
    port = world.origin.rsplit(":", 1)[1]
    assert world.egress.post(f"http://good.localhost:{port}/200", b"{}", {}, TIMEOUT).status == 200


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
def test_what_is_not_allowed_is_refused_with_its_reason(world: Both, url: str, reason: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        world.egress.post(url, b"{}", {}, TIMEOUT)
    assert refused.value.facts["reason"] == reason
    assert "secret" not in str(refused.value)
    assert world.seen() == []


def test_a_retry_after_date_counts_from_now() -> None:
    clock = FakeClock()
    at = format_datetime(clock.now() + timedelta(minutes=5), usegmt=True)
    with a_receiver(lambda _: (429, {"Retry-After": at}, b"")) as receiver:
        answer = HttpEgress(allow_loopback=True, clock=clock).post(receiver.url + "/", b"{}", {}, TIMEOUT)
    assert answer.retry_after == timedelta(minutes=5)
