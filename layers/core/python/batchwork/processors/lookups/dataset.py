"""Dataset: each item is joined with the row of a dataset that one of its fields names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from batchwork.domain.lookup import MAX_ROW_KEY, Dataset, Found, LookupItem, row_key
from batchwork.ports.lookups import DatasetStore

#: Keys of one BatchGetItem (AWS limit).
KEYS = 100

_UNKNOWN = Found(404, code="not_found", message="Nothing was found for this item.")


@dataclass(frozen=True, slots=True)
class DatasetLookup:
    """Joins items with the rows of a dataset. field: of an item, that holds the key of its row."""

    store: DatasetStore
    dataset: Dataset
    field: str

    #: Rows are read together: no key can spoil the reading of another.
    separable: ClassVar[bool] = False

    def groups(self, items: Sequence[LookupItem]) -> list[Sequence[LookupItem]]:
        """Return groups of a hundred different keys, so that the rows come in as few calls as can be.

        Items with one key share its row; those without a key need no call and are one group.
        """
        named: dict[str | None, list[LookupItem]] = {}
        for item in items:
            named.setdefault(self._key(item), []).append(item)
        keyless = named.pop(None, None)
        sharing = list(named.values())
        groups: list[Sequence[LookupItem]] = [
            [item for same in sharing[start : start + KEYS] for item in same] for start in range(0, len(sharing), KEYS)
        ]
        return [*groups, keyless] if keyless else groups

    def resolve(self, group: Sequence[LookupItem], timeout: timedelta, token: str) -> Mapping[int, Found]:
        """Return each item's row: 404 for a key that names none, 422 for an item without a key."""
        del timeout, token  # the store's client has its own patience, and reading twice is reading once
        keys = {item.index: self._key(item) for item in group}
        wanted = list(dict.fromkeys(key for key in keys.values() if key is not None))
        rows = self.store.rows(self.dataset, wanted) if wanted else {}
        found = {key: Found(200, rows[key]) if key in rows else _UNKNOWN for key in wanted}
        return {item.index: self._found(item, keys[item.index], found) for item in group}

    def _key(self, item: LookupItem) -> str | None:
        return row_key(item.body.get(self.field))

    def _found(self, item: LookupItem, key: str | None, found: Mapping[str, Found]) -> Found:
        if key is not None:
            return found[key]
        rule = f"Must be a whole number or a text of 1 to {MAX_ROW_KEY} bytes."
        told = rule if self.field in item.body else f"The {self.field} field is required."
        return Found(422, code="validation_failed", message="The item is not valid.", details={self.field: [told]})
