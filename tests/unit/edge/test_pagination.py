from __future__ import annotations

import pytest

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.edge.http import Request
from batchwork.edge.pagination import Window, pagination, window

REQUEST = Request(method="GET", resource="/api/v1/batches", path="/api/v1/batches", base_url="https://api.codeer.ai")


def test_the_defaults_are_those_of_the_seed() -> None:
    assert window({}) == Window(limit=50, offset=0)


@pytest.mark.parametrize(
    ("query", "expected"), [({"limit": "1"}, (1, 0)), ({"limit": "1000", "offset": "7"}, (1000, 7))]
)
def test_the_least_and_the_most_are_taken(query: dict[str, str], expected: tuple[int, int]) -> None:
    part = window(query)
    assert (part.limit, part.offset) == expected


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "", "1.5", "1e2", " 5", "٣", "9" * 30])
def test_a_bad_limit_is_named(limit: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        window({"limit": limit})
    assert [(problem.place, problem.structural) for problem in refused.value.problems] == [("limit", True)]


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        window({"limit": "0", "offset": "-1"}, Problem("status", "unknown", "enum"))
    assert [problem.place for problem in refused.value.problems] == ["limit", "offset", "status"]


def test_the_seeds_example_comes_out_letter_by_letter() -> None:
    assert pagination(REQUEST, Window(limit=10, offset=0), 50) == {
        "limit": 10,
        "offset": 0,
        "total_records": 50,
        "total_pages": 5,
        "current_page": 1,
        "next_page": "https://api.codeer.ai/api/v1/batches?offset=10&limit=10",
        "prev_page": None,
    }


def test_the_links_keep_the_filters_that_were_set() -> None:
    links = pagination(REQUEST, Window(limit=10, offset=20), 50, {"status": "completed", "other": None})
    assert links["next_page"] == "https://api.codeer.ai/api/v1/batches?offset=30&limit=10&status=completed"
    assert links["prev_page"] == "https://api.codeer.ai/api/v1/batches?offset=10&limit=10&status=completed"
    assert links["current_page"] == 3


def test_the_last_page_has_no_next() -> None:
    links = pagination(REQUEST, Window(limit=20, offset=40), 50)
    assert (links["total_pages"], links["current_page"], links["next_page"]) == (3, 3, None)


def test_the_page_before_a_crooked_offset_begins_at_zero() -> None:
    assert pagination(REQUEST, Window(limit=10, offset=5), 50)["prev_page"].endswith("?offset=0&limit=10")


def test_an_empty_list_has_no_pages() -> None:
    links = pagination(REQUEST, Window(), 0)
    assert (links["total_records"], links["total_pages"], links["next_page"], links["prev_page"]) == (0, 0, None, None)


def test_an_offset_beyond_the_end_has_no_next() -> None:
    links = pagination(REQUEST, Window(limit=10, offset=500), 50)
    assert links["next_page"] is None
    assert links["prev_page"] is not None
