from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from batchwork.domain.item import Json
from batchwork.domain.lookup import Dataset


@dataclass
class Record:
    """A dataset's row: the last number that was given, the lowest that may have rows, and what is read."""

    begun: int = 0
    oldest: int = 1
    read: Dataset | None = None


@dataclass
class FakeDatasets:
    """ports.lookups.DatasetStore in memory; rows are kept as JSON texts, as the table does. Counts calls of `rows`."""

    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    texts: dict[tuple[str, str, int], dict[str, str]] = field(default_factory=dict)
    reads: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, workspace_id: str, name: str) -> Dataset | None:
        record = self.records.get((workspace_id, name))
        return record.read if record else None

    def find(self, workspace_id: str) -> list[Dataset]:
        found = [record.read for (owner, _), record in self.records.items() if owner == workspace_id and record.read]
        return sorted(found, key=lambda dataset: dataset.name)

    def begin(self, workspace_id: str, name: str) -> tuple[int, int]:
        with self._lock:
            record = self.records.setdefault((workspace_id, name), Record())
            record.begun += 1
            return record.begun, record.oldest

    def write(self, dataset: Dataset, rows: Iterable[tuple[str, Json]]) -> None:
        for key, row in rows:
            self.texts.setdefault(_version(dataset), {})[key] = json.dumps(row)

    def publish(self, dataset: Dataset, oldest: int) -> bool:
        with self._lock:
            record = self.records[dataset.workspace_id, dataset.name]
            if record.begun != dataset.version:
                return False
            record.read, record.oldest = dataset, oldest
            return True

    def drop(self, dataset: Dataset) -> int:
        return len(self.texts.pop(_version(dataset), {}))

    def forget(self, workspace_id: str, name: str, version: int) -> bool:
        with self._lock:
            record = self.records[workspace_id, name]
            if record.begun != version:
                return False
            record.read, record.oldest = None, version
            return True

    def rows(self, dataset: Dataset, keys: Sequence[str]) -> Mapping[str, Json]:
        self.reads += 1
        texts = self.texts.get(_version(dataset), {})
        return {key: json.loads(texts[key]) for key in keys if key in texts}


def _version(dataset: Dataset) -> tuple[str, str, int]:
    return dataset.workspace_id, dataset.name, dataset.version
