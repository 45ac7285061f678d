"""Queries and tokens of lists: what the family's lists have in common (spec workflow runs 4.4)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from factories import AT

from batchwork.domain.errors import InvalidRequest
from batchwork.edge.http import Request
from batchwork.families.workflow_runs.lists import MAX_TEXT, NEXT, ListQuery, place_of


def asked(workspace_id: str = "acme", about: str = "flows", version: str = "", **query: str) -> ListQuery:
    request = Request(
        method="GET",
        resource="/flows",
        path="/flows",
        query=query,
        pairs=tuple(query.items()),
        headers={"x-extend-api-version": version} if version else {},
    )
    return ListQuery(request, workspace_id, about, "status", "name")


def token_of(query: ListQuery, *last: Any) -> str:
    body = query.listed("flows", [({}, last)], last).body
    assert body is not None
    token: str = body[NEXT]
    return token


def refused(query: ListQuery) -> list[str]:
    with pytest.raises(InvalidRequest) as told:
        query.end()
    return [problem.place for problem in told.value.problems]


def test_a_token_goes_on_after_whom_the_page_ended_with() -> None:
    token = token_of(asked(status="A"), 7, "flow")
    query = asked(status="A", nextPageToken=token)
    assert query.last(int, str) == [7, "flow"]
    query.end()


@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_a_token_is_the_same_with_its_padding_or_not(padding: str) -> None:
    assert asked(nextPageToken=token_of(asked(), "x") + padding).last(str) == ["x"]


def test_the_size_of_a_page_may_change_on_the_way() -> None:
    assert asked(maxPageSize="5", nextPageToken=token_of(asked(maxPageSize="2"), "x")).last(str) == ["x"]


@pytest.mark.parametrize(
    "other",
    [{"workspace_id": "other"}, {"about": "others"}, {"status": "B"}, {"name": "x"}, {"sortDir": "asc"}],
)
def test_a_token_of_another_list_is_refused(other: dict[str, str]) -> None:
    query = asked(**{"status": "A", **other, NEXT: token_of(asked(status="A"), "x")})
    assert query.last(str) is None
    assert refused(query) == [NEXT]


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "ä",
        "a" * 5000,
        base64.urlsafe_b64encode(b"[]").decode(),
        base64.urlsafe_b64encode(b'"text"').decode(),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
        base64.urlsafe_b64encode(json.dumps(["0" * 16, ["x"]]).encode()).decode(),
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    query = asked(nextPageToken=token)
    assert query.last(str) is None
    assert refused(query) == [NEXT]


def test_a_token_that_holds_something_else_is_refused() -> None:
    query = asked(nextPageToken=token_of(asked(), True, "x"))
    assert query.last(int, str) is None
    assert refused(query) == [NEXT]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    query = asked(sortDir="up", maxPageSize="0", status="x" * (MAX_TEXT + 1), nextPageToken="x")
    query.text("status")
    query.one_of("name", ("", "a", "b"))
    query.last(str)
    assert refused(query) == ["sortDir", "maxPageSize", "status", NEXT]


def test_a_parameter_that_is_given_twice_is_refused() -> None:
    pairs = (("status", "A"), ("status", "B"), ("other", "1"), ("other", "2"))
    request = Request(method="GET", resource="/flows", path="/flows", query={"status": "B"}, pairs=pairs)
    assert refused(ListQuery(request, "acme", "flows", "status")) == ["status"]


@pytest.mark.parametrize("size", ["0", "1001", "-1", "1.5", "x", "", "٣", "9" * 20])
def test_a_page_has_one_to_a_thousand_entries(size: str) -> None:
    assert refused(asked(maxPageSize=size)) == ["maxPageSize"]


def test_a_page_that_an_answer_has_no_room_for_ends_sooner_and_goes_on() -> None:
    entries = [({"text": "x" * 2_000_000}, (number,)) for number in range(4)]
    body = asked().listed("flows", entries, None).body
    assert body is not None
    assert len(body["flows"]) == 2
    assert asked(nextPageToken=body[NEXT]).last(int) == [1]


def test_an_entry_without_room_is_shown_all_the_same_rather_than_nothing() -> None:
    body = asked().listed("flows", [({"text": "x" * 6_000_000}, (0,))], None).body
    assert body is not None
    assert (len(body["flows"]), NEXT in body) == (1, False)


@pytest.mark.parametrize(("version", "names"), [("", {"success", "flows"}), ("2026-02-09", {"object", "data"})])
def test_the_last_page_has_no_token(version: str, names: set[str]) -> None:
    body = asked(version=version).listed("flows", [({}, (1,))], None).body
    assert body is not None
    assert set(body) == names


def test_a_place_is_a_time_and_an_id() -> None:
    query = asked(nextPageToken=token_of(asked(), *place_of(AT, "x")))
    assert query.place() == (AT, "x")
