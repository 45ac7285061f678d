from __future__ import annotations

from typing import Any

import pytest

from batchwork.edge.paths import ByPath

PREFIXES = ("", "/api/v1", "/api/v1/signals", "/api/v1/me")


def chosen(event: dict[str, Any]) -> str:
    handlers = {prefix: (lambda _event, _context, prefix=prefix: {"chosen": prefix}) for prefix in PREFIXES}
    chosen: str = ByPath(handlers)({"httpMethod": "GET", **event}, None)["chosen"]
    return chosen


def proxied(path: str, before: str = "") -> dict[str, Any]:
    return {"resource": "/{proxy+}", "path": before + path, "pathParameters": {"proxy": path.removeprefix("/")}}


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/api/v1/signals", "/api/v1/signals"),
        ("/api/v1/signals/", "/api/v1/signals"),
        ("/api/v1/signals/batch/x", "/api/v1/signals"),
        ("/api/v1/signalsX", "/api/v1"),
        ("/api/v1/Signals", "/api/v1"),
        ("/api/v1/messages", "/api/v1"),
        ("/api/v1/me", "/api/v1/me"),
        ("/api/v1/x/api/v1/me", "/api/v1"),
        ("/api/v1", "/api/v1"),
        ("/api/v10/me", ""),
        ("/api", ""),
        ("/v2/nothing", ""),
        ("/nothing/api/v1/me", ""),
    ],
)
def test_the_longest_prefix_that_ends_where_a_segment_ends_answers(path: str, prefix: str) -> None:
    assert chosen(proxied(path)) == prefix


def test_a_custom_domains_base_path_is_no_part_of_the_path() -> None:
    assert chosen(proxied("/api/v1/signals/x", before="/base")) == "/api/v1/signals"


def test_a_path_without_parameters_is_taken_as_it_is() -> None:
    assert chosen({"resource": "/", "path": "/", "pathParameters": None}) == ""
    assert chosen({"resource": "/api/v1/me", "path": "/api/v1/me"}) == "/api/v1/me"
