"""PARSE: a file to text, page by page. config: ``{"parseConfig": {...}}``, kept and told; everything is read as text."""

from __future__ import annotations

from collections.abc import Iterator

from batchwork.domain.document import Document
from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.step import Done, Outline, StepType, Task, Work, wrong

#: Characters of all chunks of a result together; the whole text is at GET /files/{id}.
CONTENT_LIMIT = 500_000
#: Characters that a page of what has no pages counts for (docs of the published client: about 1000 tokens).
_PAGE = 4_000


class Parse(StepType):
    """Reads the run's file."""

    configured = False

    def problems(self, config: Json, place: str, outline: Outline) -> Iterator[Problem]:
        """Yield what is wrong: `parseConfig` is an object, whatever it says of engines that are not ours."""
        del outline
        if not isinstance(config.get("parseConfig", {}) or {}, dict):
            yield wrong(f"{place}.parseConfig", "must be an object")

    def told(self, config: Json) -> Json | None:
        """Return the configuration of the parser."""
        return config.get("parseConfig")

    def prepared(self, config: Json) -> Work:
        """Return what reads."""
        del config
        return _parse


def _parse(task: Task) -> Done:
    piece, clock = task.piece, task.world.clock
    started = clock.now()
    task.left()
    # UnreadableDocument passes through: the walk tells it as the run's failure
    piece.document = task.world.documents.read(
        piece.file.name, piece.content, declared=piece.declared, password=piece.password, kind=piece.file.type
    )
    result = _chunks(piece.document)
    result["processingTimeMs"] = int((clock.now() - started).total_seconds() * 1000)
    return Done(result=result, facts={"pageCount": result["pageCount"], "type": str(piece.document.type)})


def _chunks(document: Document) -> Json:
    room = CONTENT_LIMIT
    chunks: list[Json] = []
    for page in document.pages:
        chunk: Json = {"page": page.number, "content": page.text[:room]}
        room -= len(chunk["content"])
        for name, value in (("sheet", page.name), ("width", page.width), ("height", page.height)):
            if value is not None:
                chunk[name] = value
        chunks.append(chunk)
    result: Json = {"chunks": chunks, "pageCount": page_count(document), "type": str(document.type)}
    if sum(len(page.text) for page in document.pages) > CONTENT_LIMIT:
        result["cut"] = True
    return result


def page_count(document: Document) -> int:
    """Return the pages of a document; what has none counts a page for about 1000 tokens."""
    if document.paged or len(document.pages) > 1:
        return len(document.pages)
    return max(1, -(-len(document.text) // _PAGE))


STEP = Parse()
