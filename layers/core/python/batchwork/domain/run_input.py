"""What is stored of a batch of runs, and what is read in it, side by side: its flow with the header, each input an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from batchwork.domain.batch import Batch
from batchwork.domain.item import Item, Json
from batchwork.domain.resource import from_millis, millis_of
from batchwork.domain.run import FileType, Run, RunFile, RunPlace, RunStatus
from batchwork.domain.workflow import Flow


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInput:
    """One input. Of url, file_id and text exactly one is given. file_name: as the client gave it, or as it follows.

    file_type: of an uploaded file, where it was known. secrets: for the steps, never shown. password: opens a PDF.
    """

    file_name: str
    url: str | None = None
    file_id: str | None = None
    text: str | None = None
    file_type: FileType | None = None
    name: str | None = None
    metadata: Json = field(default_factory=dict)
    secrets: Json = field(default_factory=dict, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def stored(self) -> Json:
        """Return the item's body."""
        kept: Json = {"file_name": self.file_name}
        for name in ("url", "file_id", "text", "name", "password"):
            if (value := getattr(self, name)) is not None:
                kept[name] = value
        if self.file_type is not None:
            kept["file_type"] = str(self.file_type)
        if self.metadata:
            kept["metadata"] = self.metadata
        if self.secrets:
            kept["secrets"] = self.secrets
        return kept

    @classmethod
    def of(cls, item: Item) -> RunInput:
        """Return the input of an item; an empty one of an item whose input was removed."""
        kept = item.body
        return cls(
            file_name=kept.get("file_name", ""),
            url=kept.get("url"),
            file_id=kept.get("file_id"),
            text=kept.get("text"),
            file_type=FileType(kept["file_type"]) if "file_type" in kept else None,
            name=kept.get("name"),
            metadata=kept.get("metadata", {}),
            secrets=kept.get("secrets", {}),
            password=kept.get("password"),
        )


def attributes_of(flow: Flow, base_url: str, *, listed: bool) -> Json:
    """Return what is kept with a batch of runs; the header is written again at every count, so it is short."""
    kept: Json = {
        "workflow": flow.workflow_id,
        "workflow_name": flow.workflow_name,
        "workflow_at": [millis_of(flow.workflow_created_at), millis_of(flow.workflow_updated_at)],
        "version": flow.version,
        "version_id": flow.version_id,
        "version_at": millis_of(flow.version_created_at),
        "base_url": base_url,
        "listed": listed,
    }
    if flow.version_name is not None:
        kept["version_name"] = flow.version_name
    return kept


def flow_of(batch: Batch) -> Flow:
    """Return the flow of a batch of runs."""
    kept = batch.attributes
    created_at, updated_at = map(from_millis, kept["workflow_at"])
    return Flow(
        workflow_id=kept["workflow"],
        workflow_name=kept["workflow_name"],
        workflow_created_at=created_at,
        workflow_updated_at=updated_at,
        version=kept["version"],
        version_id=kept["version_id"],
        version_created_at=from_millis(kept["version_at"]),
        version_name=kept.get("version_name"),
    )


def run_of(batch: Batch, item: Item, status: RunStatus = RunStatus.PENDING, started_at: datetime | None = None) -> Run:
    """Return a run that has no row, as its batch's rows tell of it."""
    place = RunPlace(batch.workspace_id, batch.id, item.index)
    given = RunInput.of(item)
    created_at = from_millis(millis_of(batch.created_at))
    file = RunFile(
        id=given.file_id or place.file_id,
        name=given.file_name,
        type=FileType.TXT if given.text is not None else given.file_type,
        created_at=created_at,
    )
    return Run(
        place=place,
        flow=flow_of(batch),
        status=status,
        created_at=created_at,
        updated_at=created_at,
        listed=batch.attributes["listed"],
        name=given.name,
        files=(file,),
        metadata=given.metadata,
        started_at=started_at,
        base_url=batch.attributes["base_url"],
    )
