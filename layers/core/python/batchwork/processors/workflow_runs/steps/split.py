"""SPLIT: a file of several documents to a file for each of them.

config::

    {"splitterConfig": {
        "splitClassifications": [{"id", "type", "description", "identifierKey"?,
                                  "keywords"?: [...], "patterns"?: [...]}],                  # ours, as in CLASSIFY
        "splitRules"?: "..."},                                                               # for models
     "model"?: {...}}                                                                        # ours

Without a model: a page that a class's keywords or patterns (without any: the name of its type) are found on begins a
document of the class that fits best; pages on which nothing is found go on with the document before them. One that is found
on a page of its own class goes on too when both have the same identifier. Pages before the first document are of the class
"other" where there is one, else of the first class. identifier: what follows the label that identifierKey ends with ("Extract
the invoice number" → "Invoice number: INV-7"), or what a pattern's group finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.domain.run import FileType, RunFile
from batchwork.processors.workflow_runs.extraction.lines import Lines
from batchwork.processors.workflow_runs.models import Model, model_problems
from batchwork.processors.workflow_runs.step import (
    MAX_PART_BYTES,
    MAX_PARTS,
    Done,
    Outline,
    Part,
    Piece,
    StepFailed,
    StepType,
    Task,
    Work,
    wrong,
)
from batchwork.processors.workflow_runs.words import LOOKED_AT, Kind, Words, kinds_of, matches, problems_of, words_of

#: Words that begin the description of an identifier, and are no part of its label.
_ASKING_WORDS = "extract find get use read take return the a an of from each every this that document"
_ASKING = frozenset(_ASKING_WORDS.split())


class Split(StepType):
    """Cuts files."""

    route = "classificationId"

    def problems(self, config: Json, place: str, outline: Outline) -> Iterator[Problem]:
        """Yield what is wrong with the classes."""
        del outline
        if "splitter" in config:
            yield wrong(f"{place}.splitter", "is not supported: give the classes themselves in splitterConfig")
        own = config.get("splitterConfig")
        if not isinstance(own, dict):
            yield wrong(f"{place}.splitterConfig", "must be an object with splitClassifications")
            return
        here = f"{place}.splitterConfig.splitClassifications"
        yield from problems_of(own.get("splitClassifications"), here)
        classes = own.get("splitClassifications")
        for at, each in enumerate(classes if isinstance(classes, list) else ()):
            if isinstance(each, dict) and not isinstance(each.get("identifierKey", "") or "", str):
                yield wrong(f"{here}[{at}].identifierKey", "must be a text")
        yield from model_problems(config, place)

    def routes(self, config: Json) -> frozenset[str]:
        """Return the ids of the classes."""
        own = config.get("splitterConfig")
        classes = own.get("splitClassifications") if isinstance(own, dict) else None
        ids = [each.get("id") for each in classes if isinstance(each, dict)] if isinstance(classes, list) else []
        return frozenset(each for each in ids if isinstance(each, str))

    def told(self, config: Json) -> Json | None:
        """Return the configuration of the splitter."""
        return config.get("splitterConfig")

    def prepared(self, config: Json) -> Work:
        """Return what cuts: where a model says so if one is configured, else by words."""
        own = config["splitterConfig"]
        kinds = kinds_of(own["splitClassifications"])
        labels = {each["id"]: _label(each.get("identifierKey") or "") for each in own["splitClassifications"]}
        model = Model.of(config)

        def work(task: Task) -> Done:
            found = _by_words(kinds, labels, task) if model is None else _by_model(model, own, kinds, task)
            return _cut(found, task)

        return work


@dataclass(frozen=True, slots=True)
class _Found:
    """A document among the pages. first, last: from 1."""

    kind: Kind
    first: int
    last: int
    identifier: str
    observation: str


def _label(identifier_key: str) -> tuple[str, ...]:
    words = words_of(identifier_key.partition(",")[0].partition(" from ")[0])
    return tuple(word for word in words if word not in _ASKING)


def _by_words(kinds: tuple[Kind, ...], labels: dict[str, tuple[str, ...]], task: Task) -> list[_Found]:
    fallback = next((kind for kind in kinds if kind.is_fallback), kinds[0])
    found: list[_Found] = []
    for page in task.document.pages:
        fitting = matches(kinds, page.text, task.left)
        best = next((match for match in fitting if _begins(match.kind, match.score, page.text)), None)
        if best is None:
            if found:
                found[-1] = replace(found[-1], last=page.number)
            else:
                found.append(_Found(fallback, page.number, page.number, "", "Nothing of any classification was found."))
            continue
        identifier = _identifier(best.kind, labels[best.kind.id], page.text, task)
        before = found[-1] if found else None
        if before is not None and before.kind is best.kind and identifier and before.identifier == identifier:
            found[-1] = replace(before, last=page.number)
            continue
        observation = f"Page {page.number} begins it; found: {', '.join(best.found[:10])}."
        found.append(_Found(best.kind, page.number, page.number, identifier, observation))
    return found


def _begins(kind: Kind, score: float, text: str) -> bool:
    if kind.own:
        return score > 0
    return bool(kind.keywords) and Words(text).has(kind.keywords[0])


def _identifier(kind: Kind, label: tuple[str, ...], text: str, task: Task) -> str:
    if label:
        value = Lines.of_text(text).labelled(" ".join(label))
        if value is not None:
            return value.text[:200]
    for pattern in kind.patterns:
        task.left()
        place = pattern.search(text[:LOOKED_AT])
        if place is not None and pattern.has_group:
            return pattern.wanted(place)[:200]
    return ""


def _by_model(model: Model, own: Json, kinds: tuple[Kind, ...], task: Task) -> list[_Found]:
    wanted = {
        "documents": [
            {
                "classificationId": "one of the ids",
                "startPage": "number",
                "endPage": "number",
                "identifier": "text that identifies the document, or empty",
                "observation": "one sentence",
            }
        ]
    }
    names = ("id", "type", "description", "identifierKey")
    offered = [
        {name: each[name] for name in names if each.get(name) is not None} for each in own["splitClassifications"]
    ]
    answer = model.answer(
        task,
        "Divide the pages into the documents that they are, in order, each page in one document.",
        {"classifications": offered, "rules": own.get("splitRules"), "pages": len(task.document.pages)},
        wanted,
    )
    by_id = {kind.id: kind for kind in kinds}
    found: list[_Found] = []
    documents = answer.get("documents")
    for each in documents if isinstance(documents, list) else ():
        kind = by_id.get(str(each.get("classificationId"))) if isinstance(each, dict) else None
        first, last = (each.get("startPage"), each.get("endPage")) if kind is not None else (None, None)
        if kind is None or type(first) is not int or type(last) is not int:
            found = []
            break
        told = [each[name][:500] if isinstance(each.get(name), str) else "" for name in ("identifier", "observation")]
        found.append(_Found(kind, first, last, *told))
    pages = [page for each in found for page in range(each.first, min(each.last, len(task.document.pages)) + 1)]
    if pages != list(range(1, len(task.document.pages) + 1)) or found[-1].last != len(task.document.pages):
        message = f"The model of step {task.step} did not divide the pages"
        raise StepFailed("PARSING_ERROR", message, code=503, retryable=True)
    return found


def _cut(found: list[_Found], task: Task) -> Done:
    parts: list[Part] = []
    splits: list[Json] = []
    for each in found:
        number = task.number()
        if number > MAX_PARTS:
            raise StepFailed("TOO_MANY_SPLITS", f"Step {task.step} cuts the file into more than {MAX_PARTS} parts")
        split_id = f"split_{task.run.place.batch_id}_{task.run.place.index}_{number}"
        piece = _part(each, number, split_id, task)
        parts.append(Part(piece, each.kind.id))
        splits.append(
            {
                "id": split_id,
                "type": each.kind.type,
                "classificationId": each.kind.id,
                "identifier": each.identifier,
                "observation": each.observation,
                "startPage": each.first,
                "endPage": each.last,
                "fileId": piece.file.id,
                "name": piece.file.name,
            }
        )
    facts = {"splits": splits, "count": len(splits)}
    return Done(result={"output": {"splits": splits}}, facts=facts, parts=tuple(parts))


def _part(found: _Found, number: int, split_id: str, task: Task) -> Piece:
    """Store a part's bytes and return it; another try stores the same under the same key."""
    whole, document, place = task.piece, task.document, task.run.place
    task.left()
    part, before = document.part(found.first, found.last), whole.first - 1
    if document.type is FileType.PDF:
        kind, ending, content_type = FileType.PDF, "pdf", "application/pdf"
        first, last = before + found.first, before + found.last
        content = task.world.documents.cut(whole.file.name, whole.content, first, last, whole.password)
    else:
        kind, ending, content_type = FileType.TXT, "txt", "text/plain; charset=utf-8"
        content = "\f".join(page.text for page in part.pages).encode("utf-8", "replace")
    if task.weigh(len(content)) > MAX_PART_BYTES:
        message = f"Step {task.step} cuts the file into parts of more than {MAX_PART_BYTES} bytes together"
        raise StepFailed("FILE_SIZE_TOO_LARGE", message)
    blob = f"{place.prefix}part-{number}"
    task.world.blobs().put(blob, content, content_type)
    file = RunFile(
        id=f"{place.file_id}_{number}",
        name=f"{found.kind.type} {number}.{ending}"[-255:],
        type=kind,
        created_at=whole.file.created_at,
        page_count=len(part.pages),
        parent_id=whole.file.id,
        split={
            "id": split_id,
            "type": found.kind.type,
            "identifier": found.identifier,
            "startPage": found.first,
            "endPage": found.last,
        },
        blob=blob,
    )
    # The type of the whole stays the document's own: it tells how its text was made, such as with bars between cells.
    return Piece(
        file=file,
        content=whole.content,
        first=before + found.first,
        scope=whole.scope.inner(),
        password=whole.password,
        document=part,
    )


STEP = Split()
