"""Issue 4: references to earlier results in path and body; what has not their form is left alone."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwork.domain.operation import MAX_BODY, Ended, Operation
from batchwork.domain.references import Reference, filled, ids_in, links_in, reference_of, shown_path

POST = {"id": "post_7", "tags": ["a", {"deep": True}], "none": None, "count": 3, "ratio": 0.5, "": "empty", "0": "zero"}
RESULTS = {"a": Ended(status=201, body=POST), "b.body": Ended(status=204), "c d": Ended(status=200, body="text")}


def an_operation(path: str = "/v1/posts", body: Any = None) -> Operation:
    return Operation(index=4, id="this", method="POST", path=path, body=body)


def fill(path: str = "/v1/posts", body: Any = None, results: Mapping[str, Ended] = RESULTS) -> Operation | Ended:
    return filled(an_operation(path, body), results.keys(), results.__getitem__)


def text_of(text: str, results: Mapping[str, Ended] = RESULTS) -> Any:
    """Return what a string of a body becomes."""
    operation = fill(body={"x": text}, results=results)
    assert isinstance(operation, Operation), operation
    assert operation.body is not None
    return operation.body["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{a.body.id}}", "post_7"),
        ("{{a.status}}", 201),
        ("{{a.body}}", POST),
        ("{{a.body.tags}}", ["a", {"deep": True}]),
        ("{{a.body.tags.0}}", "a"),
        ("{{a.body.tags.1.deep}}", True),
        ("{{a.body.none}}", None),
        ("{{a.body.count}}", 3),
        ("{{a.body.}}", "empty"),
        ("{{a.body.0}}", "zero"),
        ("{{b.body.status}}", 204),
        ("{{b.body.body}}", None),
        ("{{c d.body}}", "text"),
    ],
)
def test_a_string_that_is_one_reference_becomes_its_value_of_whatever_type(text: str, value: Any) -> None:
    found = text_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("See {{a.body.id}}", "See post_7"),
        ("{{a.body.id}}{{a.body.id}}", "post_7post_7"),
        ("{{a.body.count}} of {{a.body.ratio}}: {{a.body.tags.1.deep}}", "3 of 0.5: true"),
        ("{{{a.body.id}}}", "{post_7}"),
        ("{{name}} {{a.status}}", "{{name}} 201"),
    ],
)
def test_within_text_a_value_becomes_text(text: str, value: str) -> None:
    assert text_of(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("{{name}}", "{{a}}", "{{a.id}}", "{{ }}", "{{}}", "{{.body.id}}", "{{a.bodyguard}}", "{{a.status.x}}", "{a}"),
        *("Dear {{customer.body}}", "{{user.status}}"),  # somebody's own template: no operation has that id
    ],
)
def test_text_that_has_not_the_form_is_left_alone(text: str) -> None:
    assert text_of(text) == text
    assert list(links_in("/v1/posts", {"x": text}, RESULTS.keys())) == []


def test_references_are_read_in_strings_at_any_depth_and_not_in_names() -> None:
    body = {"{{a.status}}": [{"x": "{{a.status}}"}, "{{a.status}}", 1, None]}
    operation = fill(body=body)
    assert isinstance(operation, Operation)
    assert operation.body == {"{{a.status}}": [{"x": 201}, 201, 1, None]}
    assert [link.place for link in links_in("/v1/posts", body, {"a"})] == [
        "body.{{a.status}}.0.x",
        "body.{{a.status}}.1",
    ]
    assert body == {"{{a.status}}": [{"x": "{{a.status}}"}, "{{a.status}}", 1, None]}, "the original is not touched"


def test_what_is_filled_in_is_not_read_again() -> None:
    results = {"a": Ended(status=200, body={"x": "{{a.status}}", "y": ["{{a.status}}"]})}
    assert text_of("{{a.body.x}}", results) == "{{a.status}}"
    assert text_of("- {{a.body.x}}", results) == "- {{a.status}}"
    assert text_of("{{a.body.y}}", results) == ["{{a.status}}"]


def test_the_longest_known_id_is_meant() -> None:
    assert reference_of("a.body.body.x", {"a", "a.body"}) == Reference("a.body", ("x",))
    assert reference_of("a.body.x", {"a", "a.body"}) == Reference("a", ("x",))
    assert reference_of("a.status", {"a", "a.status"}) == Reference("a", None)
    assert reference_of("a.status.status", {"a", "a.status"}) == Reference("a.status", None)
    assert reference_of("x.body.body", {"a"}) == Reference("x", ("body",)), (
        "an unknown one is named by its shortest form"
    )


def test_every_link_tells_its_place_and_its_id() -> None:
    links = links_in("/v1/posts/{{a.body.id}}", {"x": ["{{nobody.body.id}} {{a.status}}"]}, {"a"})
    assert [(link.place, link.id) for link in links] == [("path", "a"), ("body.x.0", "nobody"), ("body.x.0", "a")]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/v1/posts/{{a.body.id}}/publish", "/v1/posts/post_7/publish"),
        ("/v1/posts/{{a.body.count}}", "/v1/posts/3"),
        ("/v1/posts/x{{a.status}}y", "/v1/posts/x201y"),
    ],
)
def test_a_path_is_filled_in(path: str, value: str) -> None:
    operation = fill(path)
    assert isinstance(operation, Operation)
    assert operation.path == value


NO_SEGMENTS: tuple[Any, ...] = (
    "a/b",
    "..",
    ".",
    "",
    "%2e",
    "a?b",
    "a b",
    "é",
    "a\nb",
    "..;",
    None,
    [],
    {},
    "x" * 501,
    "/",
)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        *((value, "/v1/posts/{{a.body.x}}/y") for value in NO_SEGMENTS),
        ("x" * 490, "/v1/posts/{{a.body.x}}/y"),
        (".", "/v1/posts/{{a.body.x}}./y"),
        ("%", "/v1/posts/{{a.body.x}}2e"),
    ],
)
def test_a_value_that_would_change_what_a_path_is_fails_the_operation(value: Any, path: str) -> None:
    ended = fill(path, results={"a": Ended(status=200, body={"x": value})})
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert (ended.status, ended.error["code"], ended.skipped) == (400, "VALIDATION_ERROR", False)
    assert ended.error["details"] == {"field": "operations.4.path"}
    assert ended.body == {"error": ended.error}


@pytest.mark.parametrize(
    "text",
    [
        *("{{a.body.missing}}", "{{a.body.id.x}}", "{{a.body.tags.2}}", "{{a.body.tags.-1}}", "{{a.body.tags.01}}"),
        *("{{a.body.tags.x}}", "{{b.body.body.x}}", "{{c d.body.0}}", "{{a.body.none.x}}"),
        *("x{{a.body.none}}", "x{{a.body.tags}}", "x{{a.body}}", "{{a.body.tags}}{{a.body.tags}}"),
    ],
)
def test_a_value_that_is_not_there_or_does_not_fit_fails_the_operation(text: str) -> None:
    ended = fill(body={"list": [text]})
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert (ended.status, ended.error["code"]) == (400, "VALIDATION_ERROR")
    assert ended.error["details"] == {"field": "operations.4.body.list.0"}


def of_size(size: int) -> str:
    """Return text that makes {"x": text} so many bytes."""
    return "x" * (size - len('{"x":""}'))


def test_a_body_may_be_100_kb_with_its_references_filled_in_and_no_more() -> None:
    results = {"a": Ended(status=200, body=of_size(MAX_BODY))}
    assert isinstance(fill(body={"x": "{{a.body}}"}, results=results), Operation)
    for body in ({"x": "{{a.body}}!"}, {"x": "{{a.body}}", "y": 1}, {"x": ["{{a.body}}"]}):
        ended = fill(body=body, results=results)
        assert isinstance(ended, Ended)
        assert (ended.status, ended.error) == (
            422,
            {
                "code": "VALIDATION_ERROR",
                "message": "Operation body must not exceed 100KB",
                "details": {"field": "operations.4.body"},
            },
        )


def test_many_references_to_a_large_value_make_no_more_of_it_than_a_body_may_be() -> None:
    # Break: _Filling._take, refuse nothing.
    large = Ended(status=200, body={"text": "x" * 60_000, "list": ["x" * 60_000]})
    for text in ("{{a.body.text}}" * 1_000, ["{{a.body.list}}"] * 1_000):
        looked: list[str] = []

        def look(name: str, looked: list[str] = looked) -> Ended:
            looked.append(name)
            return large

        ended = filled(an_operation(body={"x": text}), {"a"}, look)
        assert isinstance(ended, Ended)
        assert (ended.status, len(looked)) == (422, 2)


def test_what_is_nested_too_deeply_with_its_references_filled_in_fails_the_operation() -> None:
    value: Any = json.loads("[" * 880 + "]" * 880)
    ended = fill(body={"x": [[[["{{a.body}}"]]]]}, results={"a": Ended(status=200, body=[[value]])})
    assert isinstance(ended, Ended)
    assert ended.status == 400


def test_a_path_is_shown_with_an_id_for_each_reference() -> None:
    assert shown_path("/v1/posts/{{a.body.id}}/{{name}}", {"a"}) == "/v1/posts/c000000000000000000000000/{{name}}"


def deep(*texts: str) -> Any:
    """Return a body whose texts have places of 50 KB."""
    body: Any = list(texts)
    for _ in range(750):
        body = {"k" * 64: body}
    return body


@contextmanager
def within(limit: int) -> Iterator[None]:
    """Fail when more bytes are held at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def test_places_are_written_one_at_a_time() -> None:
    # Break: ids_in, by the links with their places; filled, keep the place of each entry that waits.
    body = deep(*["{{a.status}}"] * 2_000, *["x"] * 10_000)
    with within(5_000_000):
        assert ids_in("/v1/posts/{{b.body.body.id}}", body, RESULTS.keys()) == {"a", "b.body"}
        assert sum(1 for _ in links_in("/v1/posts", body, RESULTS.keys())) == 2_000
    body = deep("{{a.status}}")
    inner = body
    while isinstance(inner, dict):
        (inner,) = inner.values()
    inner += [[] for _ in range(10_000)]
    with within(5_000_000):
        assert isinstance(fill(body=body), Operation)


def test_only_what_may_be_an_id_is_looked_for() -> None:
    class Known(frozenset[str]):
        asked = 0

        def __contains__(self, name: object) -> bool:
            type(self).asked += len(str(name))
            return super().__contains__(name)

    # Break: _end_of_id, look at every end.
    ids = Known({"a"})
    assert ids_in("/v1/posts", {"x": f"{{{{a{'.body' * 20_000}}}}}"}, ids) == {"a"}
    assert Known.asked < 1_000, "all that stands before each of 20 000 ends has a gigabyte"


def test_an_id_has_64_characters_at_the_most() -> None:
    name = "x" * 64
    assert reference_of(f"{name}.status", {name}) == Reference(name, None)
    assert reference_of(f"{name}x.status", ()) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_a_body_without_references_stays_as_it_is(body: dict[str, Any]) -> None:
    operation = fill(body=body)
    assert isinstance(operation, Operation)
    assert operation.body == body


@given(JSON, st.text(min_size=1, max_size=64).filter(lambda name: not {"{", "}"}.intersection(name)))
def test_any_value_of_any_id_is_filled_in_whole(value: Any, name: str) -> None:
    results = {name: Ended(status=200, body={"x": value}), "other": Ended(status=500)}
    assert text_of(f"{{{{{name}.body.x}}}}", results) == value
    assert text_of(f"{{{{{name}.status}}}}", results) == 200


PIECES = st.sampled_from(["{{", "}}", "{", "}", "a", "b", ".body", ".status", ".", "id", "0", " ", "\n"])


@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_filled_in_or_refused_if_all_that_it_refers_to_is_known(text: str) -> None:
    body = {"x": text}
    for link in links_in("/v1/posts", body, RESULTS.keys()):
        assert link.place == "body.x"
        assert f"{{{{{link.id}." in text
        if link.id not in RESULTS:
            return
    assert isinstance(fill(body=body), Operation | Ended)
