from __future__ import annotations

import pytest

from batchwork.edge.credentials import presented_key

KEY = "bw_acme_k1.s3cret"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY},
        {"x-api-key": f"  {KEY} "},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer   {KEY}"},
        {"x-api-key": KEY, "authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY, "authorization": "Basic dXNlcjpwYXNz"},
    ],
)
def test_a_key_is_found_in_either_header(headers: dict[str, str]) -> None:
    assert presented_key(headers) == KEY


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": ""},
        {"x-api-key": "   "},
        {"authorization": KEY},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {KEY}"},
        {"x-api-key": KEY, "authorization": "Bearer bw_acme_k2.s3cret"},
        {"x-api-key": "bw_äcme_k1.s3cret"},
        {"x-api-key": "x" * 513},
    ],
)
def test_what_cannot_be_one_key_is_none(headers: dict[str, str]) -> None:
    assert presented_key(headers) is None
