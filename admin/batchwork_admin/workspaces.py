"""``batchwork-admin workspace``: tenants, and what they bought."""

from __future__ import annotations

import argparse

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.plan import CHANGEABLE, PLANS
from batchwork.domain.workspace import Workspace
from batchwork.use_cases.keys import Workspaces
from batchwork.use_cases.ledger import Ledger
from batchwork_admin.options import add_workspace, any_whole, any_whole_or_none, yes_or_no
from batchwork_admin.target import Target


def add_commands(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    create = verbs.add_parser("create", help="make a workspace")
    create.add_argument("name")
    create.add_argument("--plan", choices=PLANS, default="pro")
    create.set_defaults(run=_create)
    listed = verbs.add_parser("list", help="list the workspaces")
    listed.set_defaults(run=_list)
    show = verbs.add_parser("show", help="show a workspace's terms and its units of this month")
    add_workspace(show)
    show.set_defaults(run=_show)
    plan = verbs.add_parser("plan", help="move a workspace to another plan; what was changed for it stays")
    add_workspace(plan)
    plan.add_argument("plan", choices=PLANS)
    plan.set_defaults(run=_plan)
    _add_change(verbs)
    suspend = verbs.add_parser("suspend", help="refuse a workspace's requests, within 15 seconds")
    add_workspace(suspend)
    suspend.set_defaults(run=_suspend)
    activate = verbs.add_parser("activate", help="end a suspension")
    add_workspace(activate)
    activate.set_defaults(run=_activate)


def _add_change(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    change = verbs.add_parser("change", help="set terms of a workspace otherwise than its plan, within 15 seconds")
    add_workspace(change)
    for name, what in {
        "--per-minute": "requests of a key in a minute",
        "--per-day": "requests of a key in a day",
        "--max-batch": "items of one lookups request",
        "--max-page": "entries of one page",
    }.items():
        change.add_argument(name, type=any_whole, metavar="NUMBER", default=argparse.SUPPRESS, help=what)
    change.add_argument(
        "--monthly-quota",
        type=any_whole_or_none,
        metavar="NUMBER|none",
        default=argparse.SUPPRESS,
        help="units of a calendar month; none: unmetered",
    )
    change.add_argument(
        "--overage",
        type=yes_or_no,
        metavar="yes|no",
        default=argparse.SUPPRESS,
        help="whether units beyond the quota are accepted and counted",
    )
    change.add_argument("--reset", action="store_true", help="undo every earlier change first")
    change.set_defaults(run=_change)


def _workspaces(target: Target) -> Workspaces:
    return Workspaces(DynamoIdentities(target.table), SystemClock(), DynamoSequences(target.table))


def _create(target: Target, options: argparse.Namespace) -> Json:
    return shown(_workspaces(target).create(options.name, options.plan))


def _list(target: Target, _options: argparse.Namespace) -> list[Json]:
    return [shown(workspace) for workspace in _workspaces(target).list()]


def _show(target: Target, options: argparse.Namespace) -> Json:
    ledger = Ledger(DynamoUsage(target.table), DynamoIdentities(target.table), SystemClock())
    month = ledger.month(options.workspace)
    return {**terms(month.workspace), "month": month.month, "used": month.used}


def _plan(target: Target, options: argparse.Namespace) -> Json:
    return terms(_workspaces(target).move(options.workspace, options.plan))


def _change(target: Target, options: argparse.Namespace) -> Json:
    changes = {name: getattr(options, name) for name in CHANGEABLE if hasattr(options, name)}
    if not changes and not options.reset:
        wanted = ", ".join("--" + name.replace("_", "-") for name in CHANGEABLE)
        raise InvalidRequest([Problem("change", f"Say what to change: {wanted} or --reset", "missing")])
    return terms(_workspaces(target).change(options.workspace, changes, reset=options.reset))


def _suspend(target: Target, options: argparse.Namespace) -> Json:
    return shown(_workspaces(target).suspend(options.workspace))


def _activate(target: Target, options: argparse.Namespace) -> Json:
    return shown(_workspaces(target).activate(options.workspace))


def shown(workspace: Workspace) -> Json:
    """Return a workspace as it is printed."""
    return {
        "workspace": workspace.id,
        "number": workspace.number,
        "name": workspace.name,
        "plan": workspace.plan,
        "status": str(workspace.status),
        "created_at": workspace.created_at.isoformat(timespec="seconds"),
    }


def terms(workspace: Workspace) -> Json:
    """Return a workspace with the terms in force as they are printed. changed: those that are not its plan's."""
    in_force = workspace.terms
    return {
        **shown(workspace),
        **{name: getattr(in_force, name) for name in CHANGEABLE},
        "changed": sorted(workspace.changes),
    }
