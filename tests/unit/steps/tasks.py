"""Files as steps get them: parsed, in a run, with a world of fakes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from fakes.clock import FakeClock
from fakes.egress import FakeEgress
from fakes.providers import FakeProvider
from fakes.run_blobs import FakeRunBlobs
from run_world import a_run

from batchwork.adapters.documents.reading import DocumentReader
from batchwork.domain.document import Document, Page
from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.domain.run import FileType, RunFile
from batchwork.ports.messages import Reply
from batchwork.processors.workflow_runs.registry import step_type
from batchwork.processors.workflow_runs.scope import Scope
from batchwork.processors.workflow_runs.step import Done, Outline, Piece, StepType, Task, World

MODEL = {"provider": "openai", "base_url": "https://models.example.com/v1", "model": "gpt"}


def a_document(*texts: str, kind: FileType = FileType.TXT) -> Document:
    """Return what a file of these pages was read as."""
    pages = tuple(Page(number=number, text=text) for number, text in enumerate(texts, 1))
    return Document(type=kind, pages=pages, paged=kind is FileType.PDF)


def read(name: str, content: bytes, declared: str = "") -> Document:
    """Return what a file is read as."""
    return DocumentReader().read(name, content, declared=declared)


def a_world(**ports: Any) -> World:
    """Return a world of fakes that reads real documents."""
    fakes: dict[str, Any] = {
        "documents": DocumentReader(),
        "egress": FakeEgress(),
        "providers": FakeProvider(),
        "blobs": FakeRunBlobs(),
        "clock": FakeClock(),
    }
    given = {**fakes, **ports}
    blobs = given.pop("blobs")
    return World(blobs=lambda: blobs, **given)


def a_model(answer: Any) -> FakeProvider:
    """Return a provider that answers with JSON, or with a text as it is."""
    provider = FakeProvider()
    text = answer if isinstance(answer, str) else json.dumps(answer)
    provider.say(Reply(text, "gpt", prompt_tokens=1, completion_tokens=1))
    return provider


def a_task(
    *texts: str,
    document: Document | None = None,
    content: bytes = b"",
    name: str = "file.txt",
    declared: str = "",
    password: str | None = None,
    parsed: bool = True,
    metadata: Json | None = None,
    secrets: Json | None = None,
    world: World | None = None,
    seconds: float = 60,
    final: bool = True,
    **world_of: Any,
) -> Task:
    """Return work on a file: of pages with these texts, or of a document. parsed: whether PARSE read it already."""
    world = world or a_world(**world_of)
    run = a_run(metadata=metadata or {})
    known = document or a_document(*texts)
    file = RunFile(id=run.place.file_id, name=name, type=known.type if parsed else None, created_at=run.created_at)
    piece = Piece(
        file=file,
        content=content or "\f".join(texts).encode(),
        scope=Scope(run.metadata),
        declared=declared,
        password=password,
        document=known if parsed else None,
    )
    return Task(
        step="step",
        piece=piece,
        run=run,
        secrets=secrets or {},
        world=world,
        until=world.clock.now() + timedelta(seconds=seconds),
        token="token",
        final=final,
        number=itertools.count(1).__next__,
        weigh=a_scale(),
    )


def a_scale() -> Callable[[int], int]:
    """Return what adds up bytes of parts."""
    taken: list[int] = []

    def weigh(size: int) -> int:
        taken.append(size)
        return sum(taken)

    return weigh


def a_step(kind: str) -> StepType:
    """Return a type of step."""
    found = step_type(kind)
    assert found is not None
    return found


def done(kind: str, config: Json, task: Task) -> Done:
    """Return what a step makes of a task, its configuration being sound."""
    assert wrongs(kind, config) == []
    return a_step(kind).prepared(config)(task)


def wrongs(kind: str, config: Json, *, names: Iterable[str] = ()) -> list[str]:
    """Return what is wrong with a configuration, as `place: message`."""
    return told(a_step(kind).problems(config, "config", Outline(frozenset(names))))


def told(problems: Iterable[Problem]) -> list[str]:
    """Return problems as `place: message`."""
    return [f"{problem.place}: {problem.message}" for problem in problems]
