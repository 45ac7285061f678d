"""Choice: what was chosen for an endpoint of a workspace, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from batchwork.domain.errors import EngineFailed
from batchwork.domain.lookup import Dataset, Lookup, LookupKind
from batchwork.domain.recent import Fresh
from batchwork.ports import Clock, Egress, SecretStore
from batchwork.ports.lookups import DatasetStore, LookupFunction, LookupStore, Resolver
from batchwork.processors.lookups.dataset import DatasetLookup
from batchwork.processors.lookups.echo import EchoLookup
from batchwork.processors.lookups.function import GROUP_SIZE, FunctionLookup
from batchwork.processors.lookups.upstream import UpstreamLookup

#: How long a change of an operator's may go unseen by a warm function: a new version of a dataset too, so that the
#: version before it stays until then.
FRESH = timedelta(seconds=15)
#: The same for what was not there.
FRESH_ABSENCE = timedelta(seconds=2)
#: What one function remembers of each at the most.
REMEMBERED = 1_000


def _lasts(found: object) -> timedelta:
    return FRESH_ABSENCE if found is None else FRESH


def _chosen() -> Fresh[tuple[str, str], Lookup | None]:
    return Fresh(REMEMBERED, _lasts)


def _pointers() -> Fresh[tuple[str, str], Dataset | None]:
    return Fresh(REMEMBERED, _lasts)


@dataclass(frozen=True, slots=True)
class Resolvers:
    """Opens what answers an endpoint of a workspace; remembers what was chosen, and where datasets are read."""

    lookups: LookupStore
    datasets: DatasetStore
    function: LookupFunction
    egress: Egress
    secrets: SecretStore
    clock: Clock
    _lookups: Fresh[tuple[str, str], Lookup | None] = field(default_factory=_chosen, repr=False)
    _datasets: Fresh[tuple[str, str], Dataset | None] = field(default_factory=_pointers, repr=False)

    def __call__(self, workspace_id: str, endpoint: str) -> Resolver:
        """Return what answers the endpoint: echo where nobody chose.

        Raises EngineFailed when it was set to a dataset that is not there: no item could be answered.
        """
        chosen = self._lookups.get(
            (workspace_id, endpoint), self.clock.now(), lambda: self.lookups.get(workspace_id, endpoint)
        )
        lookup = chosen or Lookup()
        settings = lookup.settings
        match lookup.kind:
            case LookupKind.ECHO:
                return EchoLookup()
            case LookupKind.DATASET:
                return DatasetLookup(self.datasets, self._dataset(workspace_id, settings["dataset"]), settings["field"])
            case LookupKind.FUNCTION:
                size = int(settings.get("group_size") or GROUP_SIZE)
                return FunctionLookup(self.function, workspace_id, endpoint, settings["function_arn"], size)
            case LookupKind.HTTP:
                return UpstreamLookup(self.egress, self.secrets, settings["url"], settings.get("secret_ref"))

    def _dataset(self, workspace_id: str, name: str) -> Dataset:
        now = self.clock.now()
        dataset = self._datasets.get((workspace_id, name), now, lambda: self.datasets.get(workspace_id, name))
        if dataset is None:
            raise EngineFailed(reason=f"There is no dataset {name}.")
        return dataset
