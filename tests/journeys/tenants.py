"""Workspaces of a journey's own, on the plan and with the limits that it is about."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.workspace import ApiKey, Workspace, WorkspaceStatus, digest_of
from journeys.client import Stack
from local.limits import client_of

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Tenant:
    """A workspace with one key, and how it calls."""

    url: str
    workspace: Workspace
    key: ApiKey
    presented: str
    identities: DynamoIdentities

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **settings: Any) -> requests.Response:
        """Call {base_url}path."""
        sent = {"Authorization": f"Bearer {self.presented}", **(headers or {})}
        return requests.request(method, f"{self.url}{path}", headers=sent, timeout=60, **settings)

    def used(self) -> int:
        """Return the month's units, as /me tells them."""
        answer = self.call("GET", "/api/v1/me")
        assert answer.status_code == 200, answer.text
        used: int = answer.json()["data"]["usage"]["month"]["used"]
        return used


def a_tenant(
    stack: Stack,
    plan: str = "pro",
    scopes: Iterable[str] = ("*",),
    status: WorkspaceStatus = WorkspaceStatus.ACTIVE,
    **changes: int | bool | None,
) -> Tenant:
    """Make a workspace on a plan. changes: what its operator sets otherwise."""
    identities = DynamoIdentities(stack["outputs"]["TableName"], client_of(stack, "dynamodb"))
    number = next(_numbers)
    name, at = f"tenant{os.getpid()}x{number}", datetime.now(UTC)
    workspace = Workspace(
        id=name, name=name, plan=plan, created_at=at, status=status, changes=changes, number=1_000_000 + number
    )
    key = ApiKey(
        id=name, workspace_id=name, name=name, digest=digest_of("secret"), scopes=frozenset(scopes), created_at=at
    )
    identities.put_workspace(workspace)
    identities.put_key(key)
    return Tenant(stack["base_url"], workspace, key, f"{key.public}.secret", identities)


def early_in_a_minute(seconds: float = 20) -> None:
    """Wait, if need be, until the running minute has `seconds` left: what is counted then lies in one window."""
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left + 0.2)
