"""The bodies of POST and PATCH /api/v1/external/agents (spec messages 3.3), and what is ours in them.

Ours: `provider` (which provider answers, and its settings; default `knowledge`) and `documents` (what a knowledge agent
answers from). What the spec leaves open is chosen here: a system prompt has at most 32,000 characters, all documents
together a million (larger ones are attachments), the tools 100,000 as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from batchwork.domain.agent import Document, ProviderChoice
from batchwork.domain.item import Json
from batchwork.edge.shapes import Place, Shape, dotted
from batchwork.use_cases.agents import Draft

MAX_DOCUMENT_TEXT = 1_000_000
MAX_TOOLS_TEXT = 100_000


def place_of(place: Place) -> str:
    """Return a place as clients write it: below `provider` pydantic names the chosen type too, a part of no body."""
    return dotted((*place[:1], *place[2:]) if place[:1] == ("provider",) else place)


class _Settings(Shape):
    """A provider's settings: ours, so that a misspelt one is told instead of ignored."""

    model_config = ConfigDict(extra="forbid")

    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None


class _Knowledge(_Settings):
    type: Literal["knowledge"]
    passages: Annotated[int, Field(ge=1, le=20)] | None = None


class _Bedrock(_Settings):
    type: Literal["bedrock"]
    model: Annotated[str, Field(min_length=1, max_length=256)]
    # It becomes part of a host name.
    region: Annotated[str, Field(pattern=r"^[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$")] | None = None


class _OpenAI(_Settings):
    type: Literal["openai"]
    base_url: Annotated[str, Field(min_length=1, max_length=2048)]
    model: Annotated[str, Field(min_length=1, max_length=256)]
    key_ref: Annotated[str, Field(min_length=1, max_length=300)] | None = None


class _Lambda(_Settings):
    type: Literal["lambda"]
    function_arn: Annotated[str, Field(min_length=1, max_length=256)]


class _Document(Shape):
    title: Annotated[str, Field(min_length=1, max_length=256)]
    text: Annotated[str, Field(min_length=1)]


def _short_enough(documents: Sequence[_Document]) -> Sequence[_Document]:
    size = sum(len(document.text) for document in documents)
    if size > MAX_DOCUMENT_TEXT:
        raise PydanticCustomError(
            "too_long",
            "All documents together should have at most {limit} characters, not {size}; upload larger ones as files",
            {"limit": MAX_DOCUMENT_TEXT, "size": size},
        )
    return documents


def _small_enough(tools: list[Json]) -> list[Json]:
    # NaN, Infinity and 1e999, which pydantic reads, are no JSON: their ValueError has the whole body refused.
    size = len(json.dumps(tools, allow_nan=False))
    if size > MAX_TOOLS_TEXT:
        raise PydanticCustomError(
            "too_long",
            "Should have at most {limit} characters as JSON, not {size}",
            {"limit": MAX_TOOLS_TEXT, "size": size},
        )
    return tools


Name = Annotated[str, Field(min_length=1, max_length=256)]
Question = Annotated[str, Field(min_length=1, max_length=200)]
Provider = Annotated[_Knowledge | _Bedrock | _OpenAI | _Lambda, Field(discriminator="type")]


class _Agent(Shape):
    """What create and update share; a field that is left out takes, or keeps, its value."""

    description: Annotated[str, Field(max_length=2000)] | None = None
    llm_model: Annotated[str, Field(max_length=256)] | None = None
    system_prompt: Annotated[str, Field(max_length=32_000)] = ""
    unified_tools: Annotated[
        list[dict[str, Any]], Field(max_length=100, default_factory=list), AfterValidator(_small_enough)
    ]
    primary_object_ids: Annotated[
        list[Annotated[str, Field(max_length=256)]], Field(max_length=100, default_factory=list)
    ]
    attachment_ids: Annotated[list[UUID], Field(max_length=100, default_factory=list)]
    use_search: bool = False
    suggested_questions: Annotated[list[Question], Field(max_length=3, default_factory=list)]
    provider: Provider = _Knowledge(type="knowledge")
    documents: Annotated[list[_Document], Field(max_length=1000, default_factory=list), AfterValidator(_short_enough)]

    def changes(self) -> Json:
        """Return the given fields as fields of Draft."""
        given = self.model_dump(mode="json", exclude_unset=True)
        for name, value in given.items():
            if isinstance(value, list):
                given[name] = tuple(value)
        if "documents" in given:
            given["documents"] = tuple(Document(**document) for document in given["documents"])
        if "provider" in given:
            settings = {name: value for name, value in given["provider"].items() if value is not None}
            given["provider"] = ProviderChoice(type=settings.pop("type"), settings=settings)
        return given


class NewAgent(_Agent):
    """The body that creates an agent."""

    name: Name

    def draft(self) -> Draft:
        """Return the first version's making."""
        return Draft(**self.changes())


class AgentChanges(_Agent):
    """The body that makes a new version: at least one field, and only those given replace what was."""

    name: Name = ""

    @model_validator(mode="after")
    def _changes_something(self) -> AgentChanges:
        if not self.model_fields_set:
            raise PydanticCustomError("missing", "Give at least one field to change")
        return self
