"""Targets: where a workspace's operations go instead of Batchwork's own resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """An API that exists. url: what stands before the rest of the path; secret_ref: name of the bearer token
    (``secretsmanager:NAME`` or ``ssm:NAME``), None sends none.
    """

    url: str
    secret_ref: str | None = None


def target_of(targets: Mapping[str, Target], path: str) -> tuple[str, Target] | None:
    """Return (prefix, target) of the longest prefix of a path, cut where segments end; None when there is none."""
    prefix = max((each for each in targets if f"{path}/".startswith(f"{each}/")), key=len, default=None)
    return None if prefix is None else (prefix, targets[prefix])
