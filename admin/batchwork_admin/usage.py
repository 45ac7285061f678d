"""``batchwork-admin usage``: units by month, and the ledger of what they come from."""

from __future__ import annotations

import argparse

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.usage import DynamoUsage
from batchwork.domain.item import Json
from batchwork.use_cases.ledger import Ledger
from batchwork_admin.options import add_workspace
from batchwork_admin.target import Target


def add_commands(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    show = verbs.add_parser("show", help="show a month's units")
    show.set_defaults(run=_show)
    ledger = verbs.add_parser("ledger", help="list what a month's units come from, by time")
    ledger.set_defaults(run=_entries)
    reconcile = verbs.add_parser("reconcile", help="compare a month's units with what its ledger adds up to")
    reconcile.add_argument("--apply", action="store_true", help="and set them to that where they differ")
    reconcile.set_defaults(run=_reconcile)
    for verb in (show, ledger, reconcile):
        add_workspace(verb)
        verb.add_argument("--month", metavar="YEAR-MONTH", help="such as 2026-11 (UTC); default: this month")


def _ledger(target: Target) -> Ledger:
    return Ledger(DynamoUsage(target.table), DynamoIdentities(target.table), SystemClock())


def _show(target: Target, options: argparse.Namespace) -> Json:
    found = _ledger(target).month(options.workspace, options.month)
    terms = found.workspace.terms
    return {
        "workspace": found.workspace.id,
        "month": found.month,
        "used": found.used,
        "quota": terms.monthly_quota,
        "overage": terms.overage,
        "remaining": None if terms.ceiling is None else max(0, terms.ceiling - found.used),
    }


def _entries(target: Target, options: argparse.Namespace) -> list[Json]:
    return [
        {
            "at": charge.at.isoformat(timespec="milliseconds"),
            "charge": charge.id,
            "key": charge.key_id,
            "family": charge.family,
            "units": charge.units,
        }
        for charge in _ledger(target).entries(options.workspace, options.month)
    ]


def _reconcile(target: Target, options: argparse.Namespace) -> Json:
    found = _ledger(target).reconcile(options.workspace, options.month, apply=options.apply)
    return {
        "workspace": options.workspace,
        "month": found.month,
        "counted": found.counted,
        "ledger": found.ledger,
        "drift": found.drift,
        "applied": found.applied,
    }
