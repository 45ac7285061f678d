from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from factories import AT
from fakes.clock import FakeClock
from fakes.datasets import FakeDatasets
from fakes.identities import FakeIdentities
from fakes.lookups import FakeLookups

from batchwork.domain.item import Json
from batchwork.domain.lookup import Dataset
from batchwork.domain.workspace import Workspace
from batchwork.use_cases.datasets import Datasets, Loaded, Placed
from batchwork.use_cases.endpoints import Endpoints


@dataclass
class World:
    """The workspace acme, and what an operator does with its datasets."""

    store: FakeDatasets = field(default_factory=FakeDatasets)
    lookups: FakeLookups = field(default_factory=FakeLookups)
    identities: FakeIdentities = field(default_factory=FakeIdentities)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        for workspace in ("acme", "other"):
            self.identities.put_workspace(Workspace(id=workspace, name=workspace, plan="pro", created_at=AT))

    def datasets(self, store: Any = None) -> Datasets:
        """The use case, on a store that may die."""
        return Datasets(store or self.store, self.lookups, self.identities, self.clock)

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.lookups, self.store, self.identities)

    def load(self, *rows: Any, name: str = "products", key: str = "sku", store: Any = None) -> Loaded:
        return self.datasets(store).load("acme", name, key, placed(*rows))

    def delete(self, *, store: Any = None) -> Dataset:
        return self.datasets(store).delete("acme", "products")

    def read(self, name: str = "products") -> dict[str, Json] | None:
        """What lookups would find: every row of the version that is read."""
        dataset = self.store.get("acme", name)
        if dataset is None:
            return None
        known = {key for texts in self.store.texts.values() for key in texts}
        return dict(self.store.rows(dataset, sorted(known)))

    def versions(self, name: str = "products") -> list[int]:
        """The versions that have rows."""
        return sorted(version for owner, named, version in self.store.texts if (owner, named) == ("acme", name))


def placed(*rows: Any) -> list[Placed]:
    return [(f"line {number}", row) for number, row in enumerate(rows, 1)]


@pytest.fixture
def world() -> World:
    return World()
