"""Which template a path is one of, and what stands in its braces."""

from __future__ import annotations

import pytest
from factories import a_caller

from batchwork.edge.endpoint import Route
from batchwork.edge.http import Request, Response
from batchwork.edge.templates import Templates, routed

TEMPLATES = Templates(
    {
        ("GET", "/files"): "all",
        ("GET", "/files/{id}"): "one",
        ("GET", "/files/upload"): "literal",
        ("POST", "/files/{id}"): "change",
        ("GET", "/flows/{id}/versions/{version}"): "version",
    }
)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/files", ("all", {})),
        ("GET", "/files/7", ("one", {"id": "7"})),
        ("POST", "/files/7", ("change", {"id": "7"})),
        ("GET", "/files/upload", ("literal", {})),
        ("POST", "/files/upload", ("change", {"id": "upload"})),
        ("GET", "/flows/a/versions/1", ("version", {"id": "a", "version": "1"})),
        ("GET", "/files/", None),
        ("GET", "/files/7/8", None),
        ("GET", "/flows//versions/1", None),
        ("DELETE", "/files/7", None),
        ("GET", "files/7", None),
        ("GET", "", None),
    ],
)
def test_a_path_is_found_by_its_template_and_a_literal_part_goes_first(
    method: str, path: str, found: tuple[str, dict[str, str]] | None
) -> None:
    assert TEMPLATES.find(method, path) == found


def test_a_route_is_served_with_what_its_template_found() -> None:
    find = routed({("GET", "/files/{id}"): Route(lambda request, _: Response(200, request.parameters), "files:read")})
    request = Request(method="GET", resource="/files/{proxy+}", path="/files/7", parameters={"proxy": "7"})
    route = find(request)
    assert route is not None
    assert route.scope == "files:read"
    answer = route.serve(request, a_caller())
    assert isinstance(answer, Response)
    assert answer.body == {"id": "7"}
    assert find(Request(method="GET", resource="/files/{proxy+}", path="/files/7/8")) is None
