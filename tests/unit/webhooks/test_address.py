from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.webhooks.ssrf_corpus import ALLOWED_AT_SUBMIT, REFUSED_ANSWERS, REFUSED_AT_SUBMIT

from batchwork.domain.address import check_url, parse
from batchwork.domain.networks import refused


def test_the_corpus_is_large_and_has_no_doubles() -> None:
    assert len(set(REFUSED_AT_SUBMIT)) == len(REFUSED_AT_SUBMIT) >= 60


@pytest.mark.parametrize("url", REFUSED_AT_SUBMIT)
def test_a_url_that_can_never_be_sent_to_is_refused_at_submit(url: str) -> None:
    assert check_url(url)


@pytest.mark.parametrize("url", ALLOWED_AT_SUBMIT)
def test_a_public_https_url_passes(url: str) -> None:
    assert check_url(url) is None


@pytest.mark.parametrize(("address", "kind"), REFUSED_ANSWERS)
def test_an_address_is_refused_for_what_it_is(address: str, kind: str) -> None:
    assert refused(ip_address(address)) == kind


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1"])
def test_loopback_alone_opens_when_loopback_is_allowed(address: str) -> None:
    assert refused(ip_address(address), allow_loopback=True) is None


@pytest.mark.parametrize(("address", "kind"), [entry for entry in REFUSED_ANSWERS if "loopback" not in entry[1]])
def test_everything_else_stays_refused_when_loopback_is_allowed(address: str, kind: str) -> None:
    assert refused(ip_address(address), allow_loopback=True) == kind


@pytest.mark.parametrize("address", ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"])
def test_loopback_hidden_inside_ipv6_stays_refused_when_loopback_is_allowed(address: str) -> None:
    assert refused(ip_address(address), allow_loopback=True) == "a loopback address inside IPv6"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/hook", "http://localhost:1234/", "https://[::1]:9/", "http://api.localhost/"]
)
def test_plain_http_to_loopback_passes_only_when_loopback_is_allowed(url: str) -> None:
    assert check_url(url)
    assert check_url(url, allow_loopback=True) is None


@pytest.mark.parametrize(
    "url", ["http://example.com/", "http://10.0.0.1/", "https://169.254.169.254/", "https://db.internal/"]
)
def test_allowing_loopback_allows_nothing_else(url: str) -> None:
    assert check_url(url, allow_loopback=True)


@given(st.integers(0, 2**32 - 1))
def test_every_notation_of_an_ipv4_address_is_judged_as_that_address(number: int) -> None:
    plain = IPv4Address(number)
    a, b, c, d = plain.packed
    for notation in (
        str(number),
        hex(number),
        f"0{number:o}" if number else "0",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"{a:#x}.0{b:o}.{c}.{d}",
        f"{plain}.",
    ):
        assert parse(f"https://{notation}/").address == plain
        assert (check_url(f"https://{notation}/") is None) == (refused(plain) is None)


@given(st.integers(0, 2**32 - 1))
def test_ipv4_inside_ipv6_is_never_allowed_more_than_plain_ipv4(number: int) -> None:
    plain = IPv4Address(number)
    for outer in (f"::ffff:{plain}", f"64:ff9b::{plain}", str(ip_address((0x2002 << 112) | (number << 80)))):
        assert (refused(ip_address(outer)) is None) == (refused(plain) is None)


@given(st.text(max_size=60))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    check_url(text)
    check_url(f"https://{text}/")
    check_url(f"https://example.com/{text}")


def test_a_url_of_over_2048_characters_is_refused() -> None:
    base = "https://example.com/"
    assert check_url(base + "a" * (2048 - len(base))) is None
    assert check_url(base + "a" * (2049 - len(base))) == "must have at most 2048 characters"


def test_plain_http_is_told_to_be_https() -> None:
    assert check_url("http://your-server.com/webhooks/codeer") == "must be an HTTPS URL"


def test_a_path_is_sent_escaped_and_without_its_fragment() -> None:
    target = parse("https://bücher.example:8443/ä b?q=ü#part".replace(" ", "%20"))
    assert (target.host, target.authority) == ("xn--bcher-kva.example", "xn--bcher-kva.example:8443")
    assert target.path == "/%C3%A4%20b?q=%C3%BC"
