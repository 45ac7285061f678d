"""Seed 000, spec operations 1.10: exactly a root or below it; nothing in a path may be read in two ways."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwork.domain.operation import ROOTS
from batchwork.domain.paths import path_fault

GOOD = [
    *ROOTS,
    "/v1/posts/clxold1234567890",
    "/v1/posts/post_1/publish",
    "/v1/posts/post_1/platforms/pp_2/fix",
    "/v1/posts/",
    "/v1/posts/a%20b",
    "/v1/posts/caf%C3%A9",
    "/v1/posts/a.b",
    "/v1/posts/...",
    "/v1/posts/x;y",
    f"/v1/posts/{'x' * 490}",
]
BAD = [
    "/v1/posts/{{name}}",
    "/v1/posts/{{a.id}}",
    "",
    "/",
    "/v1",
    "v1/posts",
    "/V1/posts",
    "/v1/postsX",
    "/v1/posts.json",
    "/v1/batch",
    "/v1/batch/transaction",
    "/v1/auth/me",
    "/api/v1/batches",
    "//v1/posts",
    "https://example.com/v1/posts",
    "/v1/posts/../billing",
    "/v1/posts/..",
    "/v1/posts/./x",
    "/v1/posts/.",
    "/v1/posts/..;/x",
    "/v1/posts/..;a=b/x",
    "/v1/posts/..%3b/x",
    "/v1/posts/;x/y",
    "/v1/posts//x",
    "/v1/posts/x//",
    "/v1/posts/%2e%2e/billing",
    "/v1/posts/%2E",
    "/v1/posts/a%2Fb",
    "/v1/posts/a%2fb",
    "/v1/posts/a%5Cb",
    "/v1/posts/a%252Fb",
    "/v1/posts/a%00b",
    "/v1/posts/a%0d%0ab",
    "/v1/posts/a%7f",
    "/v1/posts/a%",
    "/v1/posts/a%2",
    "/v1/posts/a%zz",
    "/v1/posts\\..\\billing",
    "/v1/posts?x=1",
    "/v1/posts#x",
    "/v1/posts/a b",
    "/v1/posts/a\tb",
    "/v1/posts/a\nb",
    "/v1/posts\n",
    "/v1/posts/a\x7f",
    "/v1/posts/é",
    "/v1/posts/．．/x",
    f"/v1/posts/{'x' * 491}",
]


@pytest.mark.parametrize("path", GOOD)
def test_a_root_and_what_lies_below_it_may_be_called(path: str) -> None:
    assert path_fault(path) is None


@pytest.mark.parametrize("path", BAD)
def test_anything_else_may_not_be_called_and_is_not_quoted(path: str) -> None:
    fault = path_fault(path)
    assert fault is not None
    assert fault[0].isupper()
    assert len(path) < 12 or path not in fault


def test_a_length_that_is_judged_later_is_not_judged_now() -> None:
    assert path_fault(f"/v1/posts/{'x' * 600}", length=False) is None
    assert path_fault(f"/v1/posts/{'x' * 600}/../y", length=False) is not None


HARD = st.lists(
    st.sampled_from([*"/.;%\\?# x", "..", "%2e", "%2F", "%5c", "%25", "%3b", "v1", "posts", "é", "\n", "\0"]),
    max_size=8,
)


@given(st.sampled_from(ROOTS), HARD)
def test_what_may_be_called_stays_below_its_root_however_often_it_is_decoded(root: str, parts: list[str]) -> None:
    path = root + "".join(parts)
    if path_fault(path) is not None:
        return
    for _ in range(3):
        segments = [segment.partition(";")[0] for segment in path.replace("\\", "/").split("/")]
        assert path == root or path.startswith(f"{root}/")
        assert not {".", ".."}.intersection(segments)
        assert "" not in segments[1:-1]
        path = unquote(path)
