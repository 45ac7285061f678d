"""``batchwork-admin workspace``: tenants."""

from __future__ import annotations

import argparse

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.item import Json
from batchwork.domain.workspace import Workspace
from batchwork.use_cases.keys import Workspaces
from batchwork_admin.target import Target

PLANS = ("free", "starter", "pro", "enterprise")


def add_commands(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    create = verbs.add_parser("create", help="make a workspace")
    create.add_argument("name")
    create.add_argument("--plan", choices=PLANS, default="pro")
    create.set_defaults(run=_create)
    listed = verbs.add_parser("list", help="list the workspaces")
    listed.set_defaults(run=_list)
    suspend = verbs.add_parser("suspend", help="refuse a workspace's requests, within 15 seconds")
    suspend.add_argument("workspace", metavar="WORKSPACE_ID")
    suspend.set_defaults(run=_suspend)
    activate = verbs.add_parser("activate", help="end a suspension")
    activate.add_argument("workspace", metavar="WORKSPACE_ID")
    activate.set_defaults(run=_activate)


def _workspaces(target: Target) -> Workspaces:
    return Workspaces(DynamoIdentities(target.table), SystemClock())


def _create(target: Target, options: argparse.Namespace) -> Json:
    return shown(_workspaces(target).create(options.name, options.plan))


def _list(target: Target, _options: argparse.Namespace) -> list[Json]:
    return [shown(workspace) for workspace in _workspaces(target).list()]


def _suspend(target: Target, options: argparse.Namespace) -> Json:
    return shown(_workspaces(target).suspend(options.workspace))


def _activate(target: Target, options: argparse.Namespace) -> Json:
    return shown(_workspaces(target).activate(options.workspace))


def shown(workspace: Workspace) -> Json:
    """Return a workspace as it is printed."""
    return {
        "workspace": workspace.id,
        "name": workspace.name,
        "plan": workspace.plan,
        "status": str(workspace.status),
        "created_at": workspace.created_at.isoformat(timespec="seconds"),
    }
