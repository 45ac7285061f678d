"""What an operator does with datasets: load, list, delete."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from batchwork.domain.errors import BatchworkError, Conflict, InvalidRequest, NotFound, Problem
from batchwork.domain.item import Json
from batchwork.domain.lookup import MAX_ROW, MAX_ROW_KEY, Dataset, Lookup, LookupKind, row_key
from batchwork.ports import Clock
from batchwork.ports.identity import IdentityStore
from batchwork.ports.lookups import DatasetStore, LookupStore

NAME = re.compile(r"[a-z0-9-]{1,64}")
#: Characters of the name of a row's field.
MAX_FIELD = 255
#: Levels of objects and lists in a row, itself included: what answers it has to be written and read by others.
MAX_NESTING = 100
#: Problems told of one file.
MAX_PROBLEMS = 20
#: How long functions may read the version before the published one: they remember which is read for 15 seconds, and a
#: request that begins then is worked for up to 29.
READ_ON = timedelta(seconds=60)

#: A row as it came, after where it stands, such as ``line 17``.
Placed = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did. duplicates: rows whose key had come before; the last of them counts."""

    dataset: Dataset
    duplicates: int


@dataclass(frozen=True, slots=True)
class Datasets:
    """Load, list and delete datasets."""

    datasets: DatasetStore
    lookups: LookupStore
    identities: IdentityStore
    clock: Clock

    def load(
        self,
        workspace_id: str,
        name: str,
        key: str,
        rows: Iterable[Placed],
        progress: Callable[[int], None] = lambda _: None,
    ) -> Loaded:
        """Replace a dataset by rows, all or nothing. key: the field that names a row; progress: told of rows so far.

        The rows are written under a version of their own, which is then published: a load that dies leaves what was
        read before, and the next load deletes what it left. Raises NotFound for the workspace, InvalidRequest, and
        Conflict when another load or a delete began meanwhile.
        """
        existing(self.identities, workspace_id)
        problems = check_name(name) + check_field("key", key)
        if problems:
            raise InvalidRequest(problems)
        version, oldest = self.datasets.begin(workspace_id, name)
        before = self.datasets.get(workspace_id, name)
        oldest = self._clean(workspace_id, name, before, oldest, version)
        dataset = self._version(workspace_id, name, version, key)
        taken = _Taken(key, progress)
        try:
            self.datasets.write(dataset, taken.pairs(rows))
            dataset = replace(dataset, rows=len(taken.seen), loaded_at=self.clock.now())
            if not self.datasets.publish(dataset, oldest):
                raise Conflict(what="The dataset")
        except BatchworkError:
            self.datasets.drop(dataset)
            raise
        return Loaded(dataset, taken.count - len(taken.seen))

    def list(self, workspace_id: str) -> list[Dataset]:
        """Return a workspace's datasets. Raises NotFound for the workspace."""
        existing(self.identities, workspace_id)
        return self.datasets.find(workspace_id)

    def delete(self, workspace_id: str, name: str) -> Dataset:
        """Delete a dataset that no endpoint uses, and what loads of it left. One that died goes on where it was.

        Raises NotFound, InvalidRequest when an endpoint uses it, and Conflict when a load began meanwhile.
        """
        existing(self.identities, workspace_id)
        dataset = self.datasets.get(workspace_id, name)
        if dataset is None:
            raise NotFound(what="Dataset")
        users = [endpoint for endpoint, lookup in self.lookups.find(workspace_id).items() if uses(lookup, name)]
        if users:
            told = (
                f"It is used by {' and '.join(sorted(users))}; set {'them' if len(users) > 1 else 'it'} otherwise first"
            )
            raise InvalidRequest([Problem("name", told, "in_use", structural=False)])
        version, oldest = self.datasets.begin(workspace_id, name)
        for number in range(oldest, version):
            self.datasets.drop(self._version(workspace_id, name, number, dataset.key))
        if not self.datasets.forget(workspace_id, name, version):
            raise Conflict(what="The dataset")
        return dataset

    def _clean(self, workspace_id: str, name: str, read: Dataset | None, oldest: int, version: int) -> int:
        """Delete what earlier loads left and nobody reads; return the lowest version that still has rows."""
        if read and self.clock.now() - read.loaded_at < READ_ON:
            # The version before it may be read by some. The next load finds it, by the same number.
            return oldest
        kept = read.version if read else version
        for number in range(oldest, version):
            if number != kept:
                self.datasets.drop(self._version(workspace_id, name, number, ""))
        return kept

    def _version(self, workspace_id: str, name: str, version: int, key: str) -> Dataset:
        return Dataset(
            workspace_id=workspace_id, name=name, version=version, key=key, rows=0, loaded_at=self.clock.now()
        )


@dataclass(slots=True)
class _Taken:
    """Rows as they are taken from a file. seen: hashes of the keys, 64 bits each, since a file may have millions."""

    key: str
    progress: Callable[[int], None]
    count: int = 0
    seen: set[int] = field(default_factory=set)

    def pairs(self, rows: Iterable[Placed]) -> Iterator[tuple[str, Json]]:
        """Yield rows by their key. Raises InvalidRequest with what is wrong with the first bad rows, or without any."""
        problems: list[Problem] = []
        for place, row in rows:
            self.count += 1
            self.progress(self.count)
            complaint = _of_its_key(row, self.key) or _of_its_content(row)
            if complaint:
                problems.append(Problem(place, complaint, "row"))
                if len(problems) == MAX_PROBLEMS:
                    break
            elif not problems:
                named = str(row_key(row[self.key]))
                self.seen.add(hash(named))
                yield named, row
        if not self.count:
            problems.append(Problem("rows", "There is no row in it", "missing"))
        if problems:
            raise InvalidRequest(problems)


def _of_its_key(row: Any, key: str) -> str | None:
    """Return what is wrong with a row's key, if anything."""
    if not isinstance(row, dict):
        return "Each row is an object"
    if key not in row:
        return f"It has no field {key}, which names the rows; its fields are {', '.join(list(row)[:10])}"
    if row_key(row[key]) is None:
        return f"Its {key} names no row: it must be a text of 1 to {MAX_ROW_KEY} bytes without NUL, or a whole number"
    return None


def _of_its_content(row: Json) -> str | None:
    """Return what is wrong with a row as JSON, if anything."""
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except UnicodeEncodeError:
        return "It contains half of a surrogate pair, which is no character"
    except ValueError:
        return "It contains NaN or Infinity, which JSON has no number for"
    except RecursionError:
        return f"It is nested more than {MAX_NESTING} levels deep"
    if size > MAX_ROW:
        return f"It has {size} bytes as JSON; a row may have {MAX_ROW}"
    return f"It is nested more than {MAX_NESTING} levels deep" if _nesting(row, text) > MAX_NESTING else None


def _nesting(row: Json, text: str) -> int:
    """Return how deep a row is nested, or less for one whose text has too few brackets to matter."""
    if text.count("{") + text.count("[") <= MAX_NESTING:
        return 0
    depth, level = 0, [list(row.values())]
    while level:
        depth += 1
        inner = [value for values in level for value in values if isinstance(value, dict | list)]
        level = [list(value.values()) if isinstance(value, dict) else value for value in inner]
    return depth


def uses(lookup: Lookup, name: str) -> bool:
    """Whether a lookup reads a dataset."""
    return lookup.kind is LookupKind.DATASET and lookup.settings["dataset"] == name


def check_name(name: str) -> list[Problem]:
    """Return what is wrong with a dataset's name."""
    told = "A dataset's name has 1 to 64 characters of a to z, 0 to 9 and -"
    return [] if NAME.fullmatch(name) else [Problem("name", told, "name")]


def check_field(place: str, name: str) -> list[Problem]:
    """Return what is wrong with the name of a row's or an item's field."""
    told = f"A field's name has 1 to {MAX_FIELD} printable characters"
    return [] if 1 <= len(name) <= MAX_FIELD and name.isprintable() else [Problem(place, told, "name")]


def existing(identities: IdentityStore, workspace_id: str) -> None:
    """Raise NotFound for a workspace that is not there."""
    if identities.workspace(workspace_id) is None:
        raise NotFound(what="Workspace")
