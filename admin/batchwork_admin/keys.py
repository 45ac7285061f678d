"""``batchwork-admin key``: API keys."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.workspace import ApiKey
from batchwork.use_cases.keys import EVERY_SCOPE, MAX_OVERLAP, SCOPES, Keys
from batchwork_admin.options import add_workspace, whole
from batchwork_admin.target import Target

#: A century: nobody means more, and calendars end.
MOST_DAYS = 36_500
#: How long a rotated key stays valid, unless it is told otherwise.
OVERLAP = timedelta(hours=24)


def add_commands(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    create = verbs.add_parser("create", help="make a key; its text is shown now and never again")
    add_workspace(create)
    create.add_argument("--name", default="key")
    create.add_argument(
        "--scope",
        action="append",
        choices=(*SCOPES, EVERY_SCOPE, "none"),
        help="may be given several times; default: every scope",
    )
    expiry = create.add_mutually_exclusive_group()
    expiry.add_argument("--expires-at", type=_time, metavar="TIME", help="ISO 8601; default: never")
    expiry.add_argument("--expires-in-days", type=_days, metavar="DAYS")
    create.set_defaults(run=_create)
    listed = verbs.add_parser("list", help="list a workspace's keys")
    add_workspace(listed)
    listed.set_defaults(run=_list)
    rotate = verbs.add_parser("rotate", help="make a key like another, which then expires")
    add_workspace(rotate)
    rotate.add_argument("key", metavar="KEY_ID")
    overlap = rotate.add_mutually_exclusive_group()
    hours = int(MAX_OVERLAP / timedelta(hours=1))
    overlap.add_argument(
        "--overlap-hours", type=whole(0, hours), metavar="HOURS", help="how long both are valid; default: 24 hours"
    )
    overlap.add_argument("--overlap-minutes", type=whole(0, hours * 60), metavar="MINUTES")
    rotate.set_defaults(run=_rotate)
    revoke = verbs.add_parser("revoke", help="refuse a key, within 15 seconds")
    add_workspace(revoke)
    revoke.add_argument("key", metavar="KEY_ID")
    revoke.set_defaults(run=_revoke)


def _keys(target: Target) -> Keys:
    return Keys(DynamoIdentities(target.table), SystemClock())


def _create(target: Target, options: argparse.Namespace) -> Json:
    expires_at = options.expires_at
    if options.expires_in_days is not None:
        expires_at = SystemClock().now() + options.expires_in_days
    scopes = set(options.scope or [EVERY_SCOPE])
    if len(scopes) > 1 and "none" in scopes:
        raise InvalidRequest([Problem("scope", "none goes with no other scope", "exclusive")])
    scopes -= {"none"}
    key, text = _keys(target).create(options.workspace, options.name, scopes, expires_at)
    return {"api_key": text, **shown(key)}


def _list(target: Target, options: argparse.Namespace) -> list[Json]:
    return [shown(key) for key in _keys(target).list(options.workspace)]


def _rotate(target: Target, options: argparse.Namespace) -> Json:
    overlap = OVERLAP
    if options.overlap_hours is not None:
        overlap = timedelta(hours=options.overlap_hours)
    elif options.overlap_minutes is not None:
        overlap = timedelta(minutes=options.overlap_minutes)
    new, text, old = _keys(target).rotate(options.workspace, options.key, overlap)
    return {"api_key": text, **shown(new), "replaces": old.id, "replaced_expires_at": _when(old.expires_at)}


def _revoke(target: Target, options: argparse.Namespace) -> Json:
    return shown(_keys(target).revoke(options.workspace, options.key))


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 time such as 2030-01-31T12:00:00Z") from exc
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _days(text: str) -> timedelta:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 1 to {MOST_DAYS}")
    return timedelta(days=int(text))


def shown(key: ApiKey) -> Json:
    """Return a key as it is printed: never its secret, nor the digest of it."""
    return {
        "key": key.id,
        "prefix": key.public,
        "last_four": key.last_four,
        "workspace": key.workspace_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": _when(key.created_at),
        "expires_at": _when(key.expires_at),
        "revoked_at": _when(key.revoked_at),
    }


def _when(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
