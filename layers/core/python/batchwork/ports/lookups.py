"""What the lookups family needs of the world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from batchwork.domain.item import Json
    from batchwork.domain.lookup import Dataset, Found, Lookup, LookupItem


class LookupStore(Protocol):
    """What the lookups of each workspace and endpoint do."""

    def get(self, workspace_id: str, endpoint: str) -> Lookup | None:
        """Return what an endpoint does, None where nobody chose."""

    def put(self, workspace_id: str, endpoint: str, lookup: Lookup) -> None:
        """Choose what an endpoint does."""

    def find(self, workspace_id: str) -> dict[str, Lookup]:
        """Return what was chosen, by endpoint."""


class DatasetStore(Protocol):
    """Datasets: rows by key, in versions of which one is read."""

    def get(self, workspace_id: str, name: str) -> Dataset | None:
        """Return a dataset, strongly consistent."""

    def find(self, workspace_id: str) -> list[Dataset]:
        """Return a workspace's datasets, by name."""

    def begin(self, workspace_id: str, name: str) -> tuple[int, int]:
        """Return a version number that is new for good, and the lowest version that may have rows.

        What began earlier can neither publish nor forget any more, so that what it left may be dropped: closes load
        against load, one that died included.
        """

    def write(self, dataset: Dataset, rows: Iterable[tuple[str, Json]]) -> None:
        """Write rows of the dataset's version by their key; the last of two with one key counts, repeatable."""

    def publish(self, dataset: Dataset, oldest: int) -> bool:
        """Let readers read the dataset's version, if nothing began later: closes load against load.

        oldest: the lowest version that may have rows from now on.
        """

    def drop(self, dataset: Dataset) -> int:
        """Delete the rows of the dataset's version and return how many; again, it deletes nothing."""

    def forget(self, workspace_id: str, name: str, version: int) -> bool:
        """Delete the dataset itself, if nothing began after `version`: closes delete against load.

        The rows of every lower version are dropped before.
        """

    def rows(self, dataset: Dataset, keys: Sequence[str]) -> Mapping[str, Json]:
        """Return the rows there are of up to 100 different keys, in one call unless DynamoDB leaves some out."""


class LookupFunction(Protocol):
    """A function of the operator's account."""

    def __call__(self, arn: str, payload: Json, timeout: timedelta) -> Any:
        """Invoke it and return its JSON answer. Raises LookupFailed (facts `status`, `reason`)."""


class Resolver(Protocol):
    """What is done to the items of one lookups request; safe to call from many threads."""

    @property
    def separable(self) -> bool:
        """Whether an item may be why its group failed, so that the others are worth another try without it."""

    def groups(self, items: Sequence[LookupItem]) -> list[Sequence[LookupItem]]:
        """Return the items in groups that are resolved together."""

    def resolve(self, group: Sequence[LookupItem], timeout: timedelta, token: str) -> Mapping[int, Found]:
        """Return what was found by item index; an index left out failed.

        token: of the request; together with an item's index it names the item, in every try.
        Raises LookupFailed when the group failed as a whole.
        """
