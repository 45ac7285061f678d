"""Agents and their versions as rows.

A version's texts (prompt, documents, tools) are packed, and spilled to the bucket when they would crowd the row.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row, time_of
from batchwork.adapters.packing import Packer
from batchwork.domain.agent import Agent, AgentVersion, Document, ProviderChoice


def agent_row(agent: Agent) -> dict[str, Any]:
    """Return an agent's row, in wire form."""
    values = row(
        {
            "name": agent.name,
            "description": agent.description,
            "latest": agent.latest,
            "published": agent.published,
            "created_at": agent.created_at,
            "updated_at": agent.updated_at,
        }
    )
    return keys.agent(agent.workspace_id, agent.id) | values


def agent_of(workspace_id: str, values: dict[str, Any]) -> Agent:
    """Return the agent of its row."""
    return Agent(
        id=values["sk"].removeprefix("AGENT#"),
        workspace_id=workspace_id,
        name=values["name"],
        description=values.get("description"),
        latest=values["latest"],
        published=values.get("published"),
        created_at=time_of(values["created_at"]),
        updated_at=time_of(values["updated_at"]),
    )


def version_row(version: AgentVersion, packer: Packer) -> dict[str, Any]:
    """Return a version's row, in wire form; large texts are spilled to the bucket first."""
    content = {
        "name": version.name,
        "description": version.description,
        "system_prompt": version.system_prompt,
        "suggested_questions": version.suggested_questions,
        "documents": [asdict(document) for document in version.documents],
        "attachment_ids": version.attachment_ids,
        "use_search": version.use_search,
        "unified_tools": version.unified_tools,
        "primary_object_ids": version.primary_object_ids,
        "llm_model": version.llm_model,
        "provider": {"type": version.provider.type, "settings": version.provider.settings},
    }
    # The version's own id ends the blob's name: of two updates that race for a number, the one that loses has written
    # its blob already, and must not have written over the winner's.
    blob = f"agents/{version.workspace_id}/{version.agent_id}/{version.number}-{version.id}"
    values = {
        "id": version.id,
        "number": version.number,
        "created_at": version.created_at,
        "was_published": version.was_published,
        **packer.write(content, blob),
    }
    return keys.agent_version(version.workspace_id, version.agent_id, version.number) | row(values)


def version_of(workspace_id: str, agent_id: str, values: dict[str, Any], packer: Packer) -> AgentVersion:
    """Return the version of its row. Raises KeyError when its spilled texts are gone."""
    content = packer.read(values)
    return AgentVersion(
        id=values["id"],
        agent_id=agent_id,
        workspace_id=workspace_id,
        number=values["number"],
        created_at=time_of(values["created_at"]),
        was_published=values["was_published"],
        name=content["name"],
        description=content["description"],
        system_prompt=content["system_prompt"],
        suggested_questions=tuple(content["suggested_questions"]),
        documents=tuple(Document(**document) for document in content["documents"]),
        attachment_ids=tuple(content["attachment_ids"]),
        use_search=content["use_search"],
        unified_tools=tuple(content["unified_tools"]),
        primary_object_ids=tuple(content["primary_object_ids"]),
        llm_model=content["llm_model"],
        provider=ProviderChoice(**content["provider"]),
    )
