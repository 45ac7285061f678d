"""`x-extend-api-version` and `/v1` (spec workflow runs 4.1, 4.2)."""

from __future__ import annotations

import pytest

from batchwork.domain.errors import InvalidRequest
from batchwork.edge.endpoint import Route
from batchwork.edge.http import Request, Response
from batchwork.families.workflow_runs.dialect import Dialect, dialect_of, dialect_or_seed, under_both


def asking(version: str | None) -> Request:
    headers = {} if version is None else {"x-extend-api-version": version}
    return Request(method="GET", resource="/x", path="/x", headers=headers)


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        (None, Dialect.LEGACY),
        ("", Dialect.LEGACY),
        ("2024-02-01", Dialect.LEGACY),
        ("2024-12-23", Dialect.LEGACY),
        ("2025-04-21", Dialect.V2025),
        (" 2026-02-09 ", Dialect.V2026),
    ],
)
def test_a_version_chooses_the_dialect_and_without_one_it_is_the_seeds(version: str | None, dialect: Dialect) -> None:
    assert dialect_of(asking(version)) is dialect
    assert dialect_or_seed(asking(version)) is dialect


@pytest.mark.parametrize("version", ["2026-02-10", "latest", "2"])
def test_a_version_that_there_is_not_is_told_with_those_that_there_are(version: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        dialect_of(asking(version))
    (problem,) = caught.value.problems
    assert problem.place == "x-extend-api-version"
    assert "2024-12-23" in problem.message
    assert "2026-02-09" in problem.message
    assert dialect_or_seed(asking(version)) is Dialect.LEGACY


def test_every_route_is_under_v1_too() -> None:
    route = Route(lambda _request, _caller: Response(200))
    assert under_both({("GET", "/files"): route}) == {("GET", "/files"): route, ("GET", "/v1/files"): route}
