"""Targets: where an operator sends a workspace's operations instead of Batchwork's own resources."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fakes.identities import FakeIdentities

from batchwork.domain.errors import Conflict, InvalidRequest, NotFound
from batchwork.domain.target import Target, target_of
from batchwork.domain.workspace import Workspace
from batchwork.use_cases.targets import MAX_TARGETS, Targets

URL = "https://api.example.com/social"


@pytest.fixture
def identities() -> FakeIdentities:
    store = FakeIdentities()
    store.put_workspace(Workspace(id="acme", name="Acme", plan="pro", created_at=datetime(2026, 1, 1, tzinfo=UTC)))
    return store


@pytest.fixture
def targets(identities: FakeIdentities) -> Targets:
    return Targets(identities)


def problems(raised: pytest.ExceptionInfo[InvalidRequest]) -> list[tuple[str, str]]:
    return [(each.place, each.kind) for each in raised.value.problems]


def test_a_target_that_is_set_stands_on_the_workspace_beside_the_others(
    targets: Targets, identities: FakeIdentities
) -> None:
    targets.set("acme", "/v1/posts", Target(URL, "ssm:/batchwork/api"))
    targets.set("acme", "/v1/media/library", Target("https://files.example.com"))
    workspace = identities.workspace("acme")
    assert workspace is not None
    assert workspace.targets == {
        "/v1/posts": Target(URL, "ssm:/batchwork/api"),
        "/v1/media/library": Target("https://files.example.com"),
    }
    assert list(targets.all("acme")) == ["/v1/media/library", "/v1/posts"]


def test_a_prefix_has_one_target_the_one_set_last(targets: Targets) -> None:
    targets.set("acme", "/v1/posts", Target(URL, "ssm:/batchwork/api"))
    targets.set("acme", "/v1/posts", Target("https://other.example.com"))
    assert targets.all("acme") == {"/v1/posts": Target("https://other.example.com")}


def test_a_slash_at_the_end_of_a_url_is_left_out_since_paths_are_appended(targets: Targets) -> None:
    assert targets.set("acme", "/v1/posts", Target(f"{URL}/")) == Target(URL)
    assert targets.all("acme")["/v1/posts"] == Target(URL)


def test_a_removed_target_is_told_and_leaves_the_others(targets: Targets) -> None:
    targets.set("acme", "/v1/posts", Target(URL))
    targets.set("acme", "/v1/media", Target("https://files.example.com"))
    assert targets.remove("acme", "/v1/posts") == Target(URL)
    assert list(targets.all("acme")) == ["/v1/media"]
    with pytest.raises(NotFound, match="Target not found"):
        targets.remove("acme", "/v1/posts")


def test_a_workspace_that_is_not_there_has_none(targets: Targets) -> None:
    for act in (
        lambda: targets.set("other", "/v1/posts", Target(URL)),
        lambda: targets.remove("other", "/v1/posts"),
        lambda: targets.all("other"),
    ):
        with pytest.raises(NotFound, match="Workspace not found"):
            act()


@pytest.mark.parametrize(
    "prefix",
    [
        *("", "/", "/v1", "/v1/billing", "/v1/postsX", "v1/posts", "/api/v1/posts", "/v1/batch", "https://x"),
        *("/v1/posts/", "/v1/posts//a", "/v1/posts/../billing", "/v1/posts/./a", "/v1/posts/.hidden"),
        *("/v1/posts/a?b=c", "/v1/posts/a#b", "/v1/posts/a%2fb", "/v1/posts/a b", "/v1/posts/{id}", "/v1/posts/é"),
        *("/v1/posts\n", "/v1/posts/" + "a" * 491),
    ],
)
def test_a_prefix_is_a_root_or_a_plain_path_below_one(targets: Targets, prefix: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        targets.set("acme", prefix, Target(URL))
    assert problems(raised) == [("prefix", "prefix")]
    assert targets.all("acme") == {}


@pytest.mark.parametrize(
    "url",
    [
        *("http://api.example.com", "ftp://api.example.com", "api.example.com", "https://", ""),
        *("https://10.0.0.1/", "https://169.254.169.254", "https://metadata.internal", "https://u:p@api.example.com"),
        *("https://api.example.com?a=b", "https://api.example.com/?", "https://api.example.com/#x"),
    ],
)
def test_a_url_that_can_never_be_sent_to_or_appended_to_is_refused(targets: Targets, url: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        targets.set("acme", "/v1/posts", Target(url))
    assert problems(raised) == [("url", "url_refused")]


def test_loopback_is_the_deployments_to_refuse(targets: Targets) -> None:
    targets.set("acme", "/v1/posts", Target("http://127.0.0.1:8080"))


@pytest.mark.parametrize("reference", ["hunter2", "", "ssm:", "ssm", "file:/etc/passwd", "ssm:a b"])
def test_a_secret_is_referred_to_and_what_is_none_is_not_quoted(targets: Targets, reference: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        targets.set("acme", "/v1/posts", Target(URL, reference))
    assert problems(raised) == [("secret_ref", "reference")]
    assert "hunter2" not in str([each.message for each in raised.value.problems])


def test_all_that_is_wrong_is_told_at_once(targets: Targets) -> None:
    with pytest.raises(InvalidRequest) as raised:
        targets.set("acme", "/v1/billing", Target("http://10.0.0.1", "hunter2"))
    assert [place for place, _ in problems(raised)] == ["prefix", "url", "secret_ref"]


def test_a_workspace_has_no_more_targets_than_its_row_is_to_hold(targets: Targets) -> None:
    for number in range(MAX_TARGETS):
        targets.set("acme", f"/v1/posts/{number}", Target(URL))
    with pytest.raises(InvalidRequest) as raised:
        targets.set("acme", "/v1/media", Target(URL))
    assert problems(raised) == [("prefix", "too_many")]
    targets.set("acme", "/v1/posts/0", Target("https://other.example.com"))


def test_what_another_operator_changed_meanwhile_is_not_undone(identities: FakeIdentities) -> None:
    class Racing(FakeIdentities):
        """Another operator moves the workspace to another plan between the reading and the writing."""

        def workspace(self, workspace_id: str) -> Workspace | None:
            found = identities.workspace(workspace_id)
            assert found is not None
            identities.put_workspace(replace(found, plan="free"))
            return found

        def put_workspace(self, workspace: Workspace, before: Workspace | None = None) -> None:
            identities.put_workspace(workspace, before)

    with pytest.raises(Conflict):
        Targets(Racing()).set("acme", "/v1/posts", Target(URL))
    workspace = identities.workspace("acme")
    assert workspace is not None
    assert (workspace.plan, workspace.targets) == ("free", {})


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/v1/posts", "/v1/posts"),
        ("/v1/posts/7", "/v1/posts"),
        ("/v1/posts/archive", "/v1/posts/archive"),
        ("/v1/posts/archive/7", "/v1/posts/archive"),
        ("/v1/posts/archives", "/v1/posts"),
        ("/v1/postsX", None),
        ("/v1/media", None),
    ],
)
def test_a_path_goes_to_the_longest_prefix_that_ends_with_a_segment(path: str, prefix: str | None) -> None:
    set_ones = {"/v1/posts": Target(URL), "/v1/posts/archive": Target("https://archive.example.com")}
    assert target_of(set_ones, path) == (None if prefix is None else (prefix, set_ones[prefix]))
