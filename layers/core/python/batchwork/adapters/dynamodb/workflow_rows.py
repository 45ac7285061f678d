"""Workflows, their versions and uploaded files as the documents that their rows keep. What is None is left out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from batchwork.adapters.dynamodb.attributes import maybe_millis, maybe_time, told
from batchwork.domain.item import Json
from batchwork.domain.run import FileType
from batchwork.domain.workflow import Workflow, WorkflowVersion

if TYPE_CHECKING:
    from batchwork.adapters.dynamodb.shelf import Head
    from batchwork.domain.flow_file import FlowFile


class WorkflowCodec:
    """adapters.dynamodb.shelf.Codec of workflows."""

    kind = "FLOW"

    def document(self, resource: Workflow) -> Json:
        """Return a workflow's document."""
        return told(
            {
                "name": resource.name,
                "steps": list(resource.steps),
                "deployed": resource.deployed or None,
                "deployed_at": maybe_millis(resource.deployed_at),
                "draft_at": maybe_millis(resource.draft_at),
            }
        )

    def resource(self, document: Json, head: Head) -> Workflow:
        """Return the workflow of its document."""
        return Workflow(
            **head,
            name=document["name"],
            steps=tuple(document["steps"]),
            deployed=document.get("deployed", 0),
            deployed_at=maybe_time(document.get("deployed_at")),
            draft_at=maybe_time(document.get("draft_at")),
        )

    def due_at(self, resource: Workflow) -> datetime | None:  # noqa: ARG002 -- nothing is due for a workflow
        """Return None."""
        return None


class WorkflowVersionCodec:
    """adapters.dynamodb.shelf.Codec of versions of workflows."""

    kind = "FLOWV"

    def document(self, resource: WorkflowVersion) -> Json:
        """Return a version's document."""
        return told(
            {
                "workflow_id": resource.workflow_id,
                "version": resource.version,
                "steps": list(resource.steps),
                "name": resource.name,
                "ticket": resource.ticket or None,
            }
        )

    def resource(self, document: Json, head: Head) -> WorkflowVersion:
        """Return the version of its document."""
        return WorkflowVersion(
            **head,
            workflow_id=document["workflow_id"],
            version=document["version"],
            steps=tuple(document["steps"]),
            name=document.get("name"),
            ticket=document.get("ticket", ""),
        )

    def due_at(self, resource: WorkflowVersion) -> datetime | None:  # noqa: ARG002 -- nothing is due for a version
        """Return None."""
        return None


class FlowFileCodec:
    """adapters.dynamodb.shelf.Codec of uploaded files."""

    kind = "DOC"

    def document(self, resource: FlowFile) -> Json:
        """Return a file's document, its password included."""
        return told(
            {
                "name": resource.name,
                "content_type": resource.content_type,
                "type": None if resource.type is None else str(resource.type),
                "size": resource.size,
                "page_count": resource.page_count,
                "password": resource.password,
            }
        )

    def resource(self, document: Json, head: Head) -> FlowFile:
        """Return the file of its document."""
        # Most requests for runs name no uploaded file.
        from batchwork.domain.flow_file import FlowFile

        return FlowFile(
            **head,
            name=document["name"],
            content_type=document["content_type"],
            type=FileType(document["type"]) if "type" in document else None,
            size=document.get("size"),
            page_count=document.get("page_count"),
            password=document.get("password"),
        )

    def due_at(self, resource: FlowFile) -> datetime | None:  # noqa: ARG002 -- nothing is due for a file
        """Return None."""
        return None
