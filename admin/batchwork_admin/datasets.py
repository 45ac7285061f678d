"""``batchwork-admin dataset``: rows by key, for lookups to join items with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.datasets import DynamoDatasets
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.domain.item import Json
from batchwork.domain.lookup import Dataset
from batchwork.use_cases.datasets import Datasets
from batchwork_admin.options import add_workspace
from batchwork_admin.rows import FORMATS, opened
from batchwork_admin.target import Target

#: Rows between two looks at how much of the file is read.
_STRIDE = 100


def add_commands(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    load = verbs.add_parser(
        "load",
        help="load a dataset from a CSV or JSONL file, in place of what it was",
        description="Load a dataset from a file, all or nothing; seen by lookups within 15 seconds. "
        "CSV: UTF-8 with a header row, and every value is a text. JSONL: an object a line. "
        "Names that end in .gz are decompressed.",
    )
    add_workspace(load)
    load.add_argument("name", help="1 to 64 characters of a to z, 0 to 9 and -")
    load.add_argument("file", type=Path, metavar="FILE")
    load.add_argument("--key", required=True, metavar="FIELD", help="the field that names a row")
    load.add_argument("--format", choices=FORMATS, help="default: what the file's name ends in")
    load.set_defaults(run=_load)
    listed = verbs.add_parser("list", help="list a workspace's datasets")
    add_workspace(listed)
    listed.set_defaults(run=_list)
    delete = verbs.add_parser("delete", help="delete a dataset that no endpoint uses")
    add_workspace(delete)
    delete.add_argument("name")
    delete.set_defaults(run=_delete)


def _datasets(target: Target) -> Datasets:
    return Datasets(
        DynamoDatasets(target.table), DynamoLookups(target.table), DynamoIdentities(target.table), SystemClock()
    )


def _load(target: Target, options: argparse.Namespace) -> Json:
    # Imported here: only this verb draws a bar.
    from tqdm import tqdm

    hidden = True if options.json else None  # None: hidden unless it is drawn on a terminal
    with (
        opened(options.file, options.format) as source,
        tqdm(
            total=source.size, desc=options.name, unit="B", unit_scale=True, file=sys.stderr, disable=hidden, leave=True
        ) as bar,
    ):

        def progress(rows: int) -> None:
            if rows % _STRIDE == 0:
                bar.set_postfix_str(f"{rows} rows", refresh=False)
                bar.update(source.position() - bar.n)

        loaded = _datasets(target).load(options.workspace, options.name, options.key, source.rows, progress)
        bar.set_postfix_str(f"{loaded.dataset.rows + loaded.duplicates} rows", refresh=False)
        bar.update(source.size - bar.n)
    return {**shown(loaded.dataset), "duplicates": loaded.duplicates}


def _list(target: Target, options: argparse.Namespace) -> list[Json]:
    return [shown(dataset) for dataset in _datasets(target).list(options.workspace)]


def _delete(target: Target, options: argparse.Namespace) -> Json:
    return {**shown(_datasets(target).delete(options.workspace, options.name)), "deleted": True}


def shown(dataset: Dataset) -> Json:
    """Return a dataset as it is printed."""
    return {
        "dataset": dataset.name,
        "workspace": dataset.workspace_id,
        "key": dataset.key,
        "rows": dataset.rows,
        "version": dataset.version,
        "loaded_at": dataset.loaded_at.isoformat(timespec="seconds"),
    }
