"""``batchwork-admin target``: APIs that serve a workspace's operations instead of Batchwork. Nobody chose: it serves all."""

from __future__ import annotations

import argparse

from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain import target as domain
from batchwork.domain.item import Json
from batchwork.domain.operation import ROOTS
from batchwork.use_cases.targets import Targets
from batchwork_admin.target import Target

_WORKSPACE = "WORKSPACE_ID"


def add_commands(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    chosen = verbs.add_parser("set", help="send what is called at a prefix or below it to a URL, within 15 seconds")
    _add_words(chosen, "PREFIX", "URL")
    chosen.add_argument(
        "--secret-ref", metavar="REFERENCE", help="secretsmanager:NAME or ssm:NAME of a bearer token for the API"
    )
    chosen.set_defaults(run=_set)
    removed = verbs.add_parser("remove", help="let Batchwork serve a prefix itself again, within 15 seconds")
    _add_words(removed, "PREFIX")
    removed.set_defaults(run=_remove)
    listed = verbs.add_parser("list", help="list the targets of a workspace")
    _add_words(listed)
    listed.set_defaults(run=_list)


def _add_words(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the workspace, which may be the first word or an option, and the words after it.

    argparse cannot leave the first of several words out: it takes the words as they come.
    """
    words = " ".join((f"[{_WORKSPACE}]", *names))
    parser.usage = f"%(prog)s {words} [--workspace {_WORKSPACE}] [options]"
    told = f"the workspace, unless --workspace names it; a prefix is one of {', '.join(ROOTS)} or a path below one"
    parser.add_argument("words", nargs="*", metavar=words, help=told if names else "the workspace")
    parser.add_argument("--workspace", metavar=_WORKSPACE, help="the workspace")
    parser.set_defaults(names=(_WORKSPACE, *names), complain=parser.error)


def _words(options: argparse.Namespace) -> list[str]:
    """Return the workspace and the words after it; ends the command (exit code 2) for more or fewer than there are."""
    words = options.words if options.workspace is None else [options.workspace, *options.words]
    if len(words) != len(options.names):
        named = " ".join(options.names)
        options.complain(f"say {named}; the workspace may be given as --workspace {_WORKSPACE} instead")
    return list(words)


def _targets(target: Target) -> Targets:
    return Targets(DynamoIdentities(target.table))


def _set(target: Target, options: argparse.Namespace) -> Json:
    workspace, prefix, url = _words(options)
    stored = _targets(target).set(workspace, prefix, domain.Target(url, options.secret_ref))
    return {"workspace": workspace, **shown(prefix, stored)}


def _remove(target: Target, options: argparse.Namespace) -> Json:
    workspace, prefix = _words(options)
    removed = _targets(target).remove(workspace, prefix)
    return {"workspace": workspace, **shown(prefix, removed), "removed": True}


def _list(target: Target, options: argparse.Namespace) -> list[Json]:
    (workspace,) = _words(options)
    return [shown(prefix, each) for prefix, each in _targets(target).all(workspace).items()]


def shown(prefix: str, target: domain.Target) -> Json:
    """Return a target as it is printed."""
    return {"prefix": prefix, "url": target.url, "secret_ref": target.secret_ref}
