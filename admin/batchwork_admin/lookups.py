"""``batchwork-admin lookup``: what the lookups endpoints do for a workspace. Nobody chose: they echo."""

from __future__ import annotations

import argparse

from batchwork.adapters.dynamodb.datasets import DynamoDatasets
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.item import Json
from batchwork.domain.lookup import ENDPOINTS, Lookup, LookupKind
from batchwork.use_cases.endpoints import Endpoints
from batchwork_admin.options import add_workspace, any_whole
from batchwork_admin.target import Target

#: Items of one invocation, unless it is told otherwise.
GROUP_SIZE = 25
#: Option that goes with a kind only → the kind.
_BELONGS = {
    "field": LookupKind.DATASET,
    "group_size": LookupKind.FUNCTION,
    "secret_ref": LookupKind.HTTP,
}


def add_commands(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    choose = verbs.add_parser("set", help="choose what an endpoint does, within 15 seconds")
    add_workspace(choose)
    choose.add_argument("endpoint", choices=ENDPOINTS)
    kind = choose.add_mutually_exclusive_group(required=True)
    kind.add_argument("--echo", action="store_true", help="answer each item with itself")
    kind.add_argument("--dataset", metavar="NAME", help="join each item by key with a row of a dataset")
    kind.add_argument(
        "--lambda",
        dest="function_arn",
        metavar="ARN",
        help="let a Lambda function answer, whose name begins as LookupFunctionNamePrefix says",
    )
    kind.add_argument("--http", dest="url", metavar="URL", help="post each item to a URL")
    choose.add_argument("--field", help="dataset: the field of an item that holds the key; default: the dataset's")
    choose.add_argument(
        "--group-size",
        type=any_whole,
        metavar="NUMBER",
        help=f"lambda: items of one invocation; default: {GROUP_SIZE}",
    )
    choose.add_argument(
        "--secret-ref", metavar="REFERENCE", help="http: secretsmanager:NAME or ssm:NAME of a bearer token"
    )
    choose.set_defaults(run=_set)
    listed = verbs.add_parser("list", help="show what each endpoint does for a workspace")
    add_workspace(listed)
    listed.set_defaults(run=_list)


def _endpoints(target: Target) -> Endpoints:
    return Endpoints(DynamoLookups(target.table), DynamoDatasets(target.table), DynamoIdentities(target.table))


def _set(target: Target, options: argparse.Namespace) -> Json:
    lookup = _chosen(options)
    problems = [
        Problem("--" + name.replace("_", "-"), f"It goes with --{kind} only", "unknown")
        for name, kind in _BELONGS.items()
        if getattr(options, name) is not None and kind is not lookup.kind
    ]
    if problems:
        raise InvalidRequest(problems)
    chosen = _endpoints(target).choose(options.workspace, options.endpoint, lookup)
    return {"workspace": options.workspace, **shown(options.endpoint, chosen)}


def _chosen(options: argparse.Namespace) -> Lookup:
    if options.dataset is not None:
        return Lookup(LookupKind.DATASET, {"dataset": options.dataset, "field": options.field})
    if options.function_arn is not None:
        size = GROUP_SIZE if options.group_size is None else options.group_size
        return Lookup(LookupKind.FUNCTION, {"function_arn": options.function_arn, "group_size": size})
    if options.url is not None:
        return Lookup(LookupKind.HTTP, {"url": options.url, "secret_ref": options.secret_ref})
    return Lookup()


def _list(target: Target, options: argparse.Namespace) -> list[Json]:
    return [shown(endpoint, lookup) for endpoint, lookup in _endpoints(target).all(options.workspace).items()]


def shown(endpoint: str, lookup: Lookup) -> Json:
    """Return what an endpoint does as it is printed."""
    return {"endpoint": endpoint, "kind": str(lookup.kind), "settings": dict(lookup.settings)}
