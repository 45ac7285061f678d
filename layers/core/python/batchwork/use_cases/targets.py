"""What an operator does with targets: send a workspace's operations below a prefix to an API that exists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from batchwork.domain.address import check_url
from batchwork.domain.errors import InvalidRequest, NotFound, Problem
from batchwork.domain.operation import MAX_PATH, ROOTS, root_of
from batchwork.domain.target import Target
from batchwork.domain.workspace import Workspace
from batchwork.ports.identity import IdentityStore
from batchwork.use_cases.endpoints import check_secret

#: Targets of a workspace: they stand on its row, which is read with every key.
MAX_TARGETS = 20
_SEGMENTS = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")


@dataclass(frozen=True, slots=True)
class Targets:
    """Set, remove and tell the targets of a workspace. Warm functions see a change within 15 seconds.

    Each change is made on condition that the workspace is still what was read, so that two operators do not undo each
    other's; raises Conflict then.
    """

    identities: IdentityStore

    def set(self, workspace_id: str, prefix: str, target: Target) -> Target:
        """Send what is called at a prefix or below it to a URL, and return the target as it was stored.

        The rest of the path is appended to the URL. Raises NotFound for the workspace, and InvalidRequest with all that
        is wrong.
        """
        workspace = self._workspace(workspace_id)
        problems = _prefix_problems(prefix) + _url_problems(target.url)
        problems += check_secret("secret_ref", target.secret_ref)
        if prefix not in workspace.targets and len(workspace.targets) >= MAX_TARGETS:
            problems.append(Problem("prefix", f"A workspace has at most {MAX_TARGETS} targets", "too_many"))
        if problems:
            raise InvalidRequest(problems)
        stored = replace(target, url=target.url.rstrip("/"))
        self._put(workspace, {**workspace.targets, prefix: stored})
        return stored

    def remove(self, workspace_id: str, prefix: str) -> Target:
        """Let Batchwork's own resources serve a prefix again, and return the target that it had. Raises NotFound."""
        workspace = self._workspace(workspace_id)
        targets = dict(workspace.targets)
        removed = targets.pop(prefix, None)
        if removed is None:
            raise NotFound(what="Target")
        self._put(workspace, targets)
        return removed

    def all(self, workspace_id: str) -> dict[str, Target]:
        """Return the targets by prefix, in its order. Raises NotFound for the workspace."""
        return dict(sorted(self._workspace(workspace_id).targets.items()))

    def _workspace(self, workspace_id: str) -> Workspace:
        workspace = self.identities.workspace(workspace_id)
        if workspace is None:
            raise NotFound(what="Workspace")
        return workspace

    def _put(self, workspace: Workspace, targets: Mapping[str, Target]) -> None:
        self.identities.put_workspace(replace(workspace, targets=targets), before=workspace)


def _prefix_problems(prefix: str) -> list[Problem]:
    if root_of(prefix) is not None and len(prefix) <= MAX_PATH and _SEGMENTS.fullmatch(prefix):
        return []
    told = f"It must be one of {', '.join(ROOTS)}, or a plain path below one, without a slash at its end"
    return [Problem("prefix", told, "prefix")]


def _url_problems(url: str) -> list[Problem]:
    # Where loopback is not allowed, the deployment's own egress refuses it.
    if refusal := check_url(url, allow_loopback=True):
        return [Problem("url", f"It {refusal}", "url_refused")]
    if "?" in url or "#" in url:
        return [Problem("url", "It must have neither a query nor a fragment: paths are appended to it", "url_refused")]
    return []
