from __future__ import annotations

import socket
from datetime import timedelta
from ipaddress import ip_address

import pytest
from fakes.receiver import a_receiver
from unit.webhooks.ssrf_corpus import REFUSED_ANSWERS, REFUSED_AT_SUBMIT

from batchwork.adapters import http
from batchwork.adapters.http import HttpEgress
from batchwork.domain.errors import EgressRefused
from batchwork.domain.networks import Address

TIMEOUT = timedelta(seconds=3)


class Names:
    """A resolver that gives a list of answers in turn, the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append((host, port))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ip_address(address) for address in answer]


class Sockets:
    """Counts connections that are tried, and where to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tried: list[str] = []
        real = socket.create_connection

        def create(address: tuple[str, int], timeout: float) -> socket.socket:
            self.tried.append(address[0])
            if not address[0].startswith("127."):
                raise ConnectionRefusedError
            return real(address, timeout)

        monkeypatch.setattr(socket, "create_connection", create)


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> Sockets:
    return Sockets(monkeypatch)


def post(egress: HttpEgress, url: str) -> object:
    return egress.post(url, b"{}", {}, TIMEOUT)


@pytest.mark.parametrize(("answer", "kind"), REFUSED_ANSWERS)
def test_a_name_is_judged_by_its_address_before_anything_is_connected(sockets: Sockets, answer: str, kind: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        post(HttpEgress(allow_loopback=False, resolver=Names([answer])), "https://hooks.example.com/")
    assert refused.value.facts["reason"] == f"{ip_address(answer)} is {kind}"
    assert sockets.tried == []


@pytest.mark.parametrize("url", REFUSED_AT_SUBMIT)
def test_what_submit_refuses_is_never_connected_to_either(sockets: Sockets, url: str) -> None:
    # Names of private zones pass the text check of an attempt: their addresses decide.
    with pytest.raises(EgressRefused):
        post(HttpEgress(allow_loopback=False, resolver=Names(["127.0.0.1"])), url)
    assert sockets.tried == []


def test_one_bad_address_among_good_ones_refuses_the_name(sockets: Sockets) -> None:
    egress = HttpEgress(allow_loopback=False, resolver=Names(["93.184.216.34", "10.0.0.1"]))
    with pytest.raises(EgressRefused, match=r"10\.0\.0\.1"):
        post(egress, "https://hooks.example.com/")
    assert sockets.tried == []


def test_the_connection_goes_to_the_address_that_was_judged_and_the_name_is_asked_once(sockets: Sockets) -> None:
    names = Names(["93.184.216.34"], ["10.0.0.1"])  # rebinding: the second answer would be private
    with pytest.raises(ConnectionRefusedError):
        post(HttpEgress(allow_loopback=False, resolver=names), "https://hooks.example.com:8443/")
    assert names.asked == [("hooks.example.com", 8443)]
    assert sockets.tried == ["93.184.216.34"]


def test_the_name_is_asked_and_judged_again_at_the_next_attempt(sockets: Sockets) -> None:
    egress = HttpEgress(allow_loopback=False, resolver=Names(["93.184.216.34"], ["10.0.0.1"]))
    with pytest.raises(ConnectionRefusedError):
        post(egress, "https://hooks.example.com/")
    with pytest.raises(EgressRefused):
        post(egress, "https://hooks.example.com/")
    assert sockets.tried == ["93.184.216.34"]


def test_the_peer_that_is_really_reached_is_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # Fails when HttpEgress._secure no longer judges getpeername().
    with a_receiver() as receiver:
        port = int(receiver.url.rsplit(":", 1)[1])
        real = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda _, timeout: real(("127.0.0.1", port), timeout))
        with pytest.raises(EgressRefused, match=r"127\.0\.0\.1"):
            post(HttpEgress(allow_loopback=False, resolver=Names(["93.184.216.34"])), "https://hooks.example.com/")
        assert receiver.seen == []


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with a_receiver(host="127.0.0.2") as receiver:
        port = receiver.url.rsplit(":", 1)[1]
        egress = HttpEgress(allow_loopback=True, resolver=Names(["127.0.0.3", "127.0.0.2"]))
        egress.post(f"http://localhost:{port}/", b"{}", {}, TIMEOUT)
        assert len(receiver.seen) == 1


def test_plain_http_goes_to_loopback_only_even_when_loopback_is_allowed(sockets: Sockets) -> None:
    egress = HttpEgress(allow_loopback=True, resolver=Names(["93.184.216.34"]))
    with pytest.raises(EgressRefused):
        post(egress, "http://hooks.example.com/")
    assert sockets.tried == []


def test_loopback_is_refused_unless_it_is_allowed() -> None:
    with a_receiver() as receiver:
        with pytest.raises(EgressRefused):
            post(HttpEgress(allow_loopback=False), receiver.url.replace("http:", "https:"))
        with pytest.raises(EgressRefused):
            post(HttpEgress(allow_loopback=False), receiver.url)
        assert receiver.seen == []


def test_a_redirect_to_a_private_address_is_an_answer_and_not_followed() -> None:
    with a_receiver() as target, a_receiver(lambda _: (302, {"Location": target.url}, b"")) as receiver:
        answer = HttpEgress(allow_loopback=True).post(receiver.url + "/hook", b"{}", {}, TIMEOUT)
        assert answer.status == 302
        assert len(receiver.seen) == 1
        assert target.seen == []


def test_proxies_of_the_environment_do_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_receiver() as proxy, a_receiver() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        HttpEgress(allow_loopback=True).post(receiver.url + "/hook", b"{}", {}, TIMEOUT)
        assert (len(proxy.seen), len(receiver.seen)) == (0, 1)


def test_the_systems_resolver_gives_addresses() -> None:
    assert ip_address("127.0.0.1") in http.resolve("localhost", 80)
