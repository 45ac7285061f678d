"""Bodies that ask for runs, in the three dialects: their shapes by pydantic on the raw JSON, their rules here.

Unknown fields are ignored; those of the published clients that nothing is done for are refused. Types are strict: ``1`` is no
version. What the documents leave open is chosen here: names have at most 255 characters, a text and a name at least one,
metadata and secrets at most 10 KB of JSON each. ``name`` and ``secrets`` are taken in each dialect whose inputs can have
them, also where only the other one's documents name them. ``priority`` is checked and has no effect: runs are worked in the
order of their batches, fairly between workspaces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError

from batchwork.domain.errors import InvalidRequest, MalformedBody, Problem
from batchwork.domain.item import Json
from batchwork.domain.run import MAX_INPUTS, MAX_SINGLES, MAX_TEXT
from batchwork.edge import shapes
from batchwork.edge.http import Request, json_body
from batchwork.edge.json_text import parsed_json, unstorable
from batchwork.edge.shapes import complaint_of, dotted, suspect

#: Bytes of metadata and of secrets as compact JSON in UTF-8.
MAX_OBJECT = 10 * 1024
MAX_NAME = 255
#: Returns what is wrong with an outgoing address, or None.
CheckUrl = Callable[[str], str | None]
#: Yields what breaks a rule in a body whose shape may be wrong.
Rules = Callable[[Json], Iterable[Problem]]

#: A URL of which only what goes before its path can be wrong: nothing in it is read in two ways.
_PLAIN = re.compile(r"(https?://[a-z0-9.-]+(?::[0-9]+)?/)[!-\[\]-~]{0,1900}")
_FIRST_INDEX = re.compile(r"[A-Za-z]+\.([0-9]+)")
#: One for all objects: json.dumps makes one at every call. What JSON has no number for, such as 1e999, is a ValueError.
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def to_camel(name: str) -> str:
    """Return a field's name as clients write it."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


class Shape(shapes.Shape):
    """A JSON object of a request: strict types, camelCase names, unknown fields ignored."""

    model_config = ConfigDict(alias_generator=to_camel)


_Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
_Text = Annotated[str, Field(min_length=1)]
_RawText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
_WorkflowId = Annotated[str, Field(pattern=r"^workflow_[A-Za-z0-9_-]{1,246}$")]
_Version = Annotated[str, Field(pattern=r"^(draft|[1-9][0-9]{0,8})$")]
_FileId = Annotated[str, Field(pattern=r"^file_[A-Za-z0-9_-]{1,250}$")]
_Priority = Annotated[int, Field(ge=1, le=100)]
_Object = dict[str, Any]
#: What is said of a text that has not the form of its field, by the field's last name.
_FORMS = {
    "workflowId": "Must be the id of a workflow: workflow_ and at most 246 letters, digits, _ and -",
    "version": 'Must be the number of a version, "1" to "999999999", or "draft"',
    "fileId": "Must be the id of a file: file_ and at most 250 letters, digits, _ and -",
}
_FORM_OF: dict[tuple[str, ...], str] = {
    ("workflow", "id"): "workflowId",
    ("file", "id"): "fileId",
    ("workflow", "version"): "version",
}


class _File(Shape):
    file_name: _Name | None = None
    file_url: _Text | None = None
    file_id: _FileId | None = None
    outputs: list[Any] | None = None


class _Input(Shape):
    file: _File | None = None
    raw_text: _RawText | None = None
    name: _Name | None = None
    metadata: _Object | None = None
    secrets: _Object | None = None


class BatchBody(Shape):
    """POST /workflow_runs/batch of 2024-12-23 and 2025-04-21."""

    workflow_id: _WorkflowId
    version: _Version | None = None
    inputs: Annotated[list[_Input], Field(min_length=1, max_length=MAX_INPUTS)]


class SinglesBody(Shape):
    """POST /workflow_runs of 2024-12-23 and 2025-04-21."""

    workflow_id: _WorkflowId
    version: _Version | None = None
    files: Annotated[list[_File], Field(min_length=1, max_length=MAX_SINGLES)] | None = None
    raw_texts: Annotated[list[_RawText], Field(min_length=1, max_length=MAX_SINGLES)] | None = None
    name: _Name | None = None
    priority: _Priority | None = None
    metadata: _Object | None = None
    secrets: _Object | None = None


class _Reference(Shape):
    id: _WorkflowId
    version: _Version | None = None


class _Settings(Shape):
    password: _Name | None = None


class _Source(Shape):
    url: _Text | None = None
    id: _FileId | None = None
    text: _RawText | None = None
    name: _Name | None = None
    settings: _Settings | None = None


class _NewInput(Shape):
    file: _Source
    metadata: _Object | None = None
    secrets: _Object | None = None


class NewBatchBody(Shape):
    """POST /workflow_runs/batch of 2026-02-09."""

    workflow: _Reference
    inputs: Annotated[list[_NewInput], Field(min_length=1, max_length=MAX_INPUTS)]
    priority: _Priority | None = None


class NewSingleBody(Shape):
    """POST /workflow_runs of 2026-02-09."""

    workflow: _Reference
    file: _Source | None = None
    package: Any | None = None
    outputs: list[Any] | None = None
    priority: _Priority | None = None
    metadata: _Object | None = None
    secrets: _Object | None = None


#: Lists that pydantic stops at when they are too long, so that what is wrong inside is looked for once more.
_LISTS = {"inputs": MAX_INPUTS, "files": MAX_SINGLES, "rawTexts": MAX_SINGLES}


def read(shape: type[Shape], request: Request, rules: Rules) -> Json:
    """Return a valid body with its fields as clients name them, without those that are null.

    Raises UnsupportedMediaType, MalformedBody, or InvalidRequest with everything wrong with it at once.
    """
    raw = json_body(request)
    try:
        # Bytes in, plain values out: 1000 inputs cost two milliseconds, and no Python code runs for each.
        valid = shape.model_validate_json(raw).model_dump(by_alias=True, exclude_none=True)
    except ValidationError as exc:
        raise InvalidRequest(_all_problems(shape, raw, exc, rules)) from exc
    problems = list(rules(valid))
    if suspect(raw):
        problems += unstorable(parsed_json(raw))
    if problems:
        raise InvalidRequest(_sorted(problems))
    return valid


def object_problem(place: str, value: Any) -> Problem | None:
    """Return what is wrong with metadata or secrets but for their shape."""
    if not isinstance(value, dict) or not value:
        return None
    try:
        size = len(_WRITER.encode(value).encode("utf-8", "surrogatepass"))
    except ValueError:
        return Problem(place, "Numbers must be finite and have at most 4300 digits", "number")
    if size <= MAX_OBJECT:
        return None
    return Problem(place, f"Must have at most {MAX_OBJECT} bytes of JSON (10 KB), not {size}", "too_large")


class Sources:
    """The rules of inputs: where a file comes from, and what goes with it. Holds what it learnt of hosts in one body."""

    def __init__(self, check_url: CheckUrl) -> None:
        self._check_url = check_url
        self._origins: dict[str, str | None] = {}

    def batch(self, body: Json) -> Iterator[Problem]:
        """Yield what is wrong with a body of `BatchBody`."""
        for index, given in _objects(body.get("inputs"), MAX_INPUTS):
            place = f"inputs.{index}"
            if (given.get("file") is None) is (given.get("rawText") is None):
                yield Problem(place, "Must have exactly one of file and rawText", "one_of")
            yield from self._file(f"{place}.file", given.get("file"), "fileUrl", "fileId")
            yield from _objects_within(place, given)

    def singles(self, body: Json) -> Iterator[Problem]:
        """Yield what is wrong with a body of `SinglesBody`."""
        if (body.get("files") is None) is (body.get("rawTexts") is None):
            yield Problem("files", "Exactly one of files and rawTexts must be given", "one_of")
        for index, file in _objects(body.get("files"), MAX_SINGLES):
            yield from self._file(f"files.{index}", file, "fileUrl", "fileId")
        yield from _objects_within("", body)

    def new_batch(self, body: Json) -> Iterator[Problem]:
        """Yield what is wrong with a body of `NewBatchBody`."""
        for index, given in _objects(body.get("inputs"), MAX_INPUTS):
            place = f"inputs.{index}"
            yield from self._file(f"{place}.file", given.get("file"), "url", "id", "text")
            yield from _objects_within(place, given)

    def new_single(self, body: Json) -> Iterator[Problem]:
        """Yield what is wrong with a body of `NewSingleBody`."""
        if body.get("package") is not None:
            message = "Runs of several files are not supported; send each as file, or all as inputs of a batch"
            yield Problem("package", message, "unsupported")
        elif body.get("file") is None:
            yield Problem("file", "Must be given", "missing")
        yield from self._file("file", body.get("file"), "url", "id", "text")
        yield from _without_outputs("outputs", body)
        yield from _objects_within("", body)

    def _file(self, place: str, file: Any, *ways: str) -> Iterator[Problem]:
        if not isinstance(file, dict):
            return
        given = [way for way in ways if file.get(way) is not None]
        if len(given) != 1:
            yield Problem(place, f"Must have exactly one of {', '.join(ways[:-1])} and {ways[-1]}", "one_of")
        url = file.get(ways[0])
        if isinstance(url, str) and (refusal := self._refusal(url)) is not None:
            yield Problem(f"{place}.{ways[0]}", f"The URL {refusal}", "url_refused")
        if file.get("settings") is not None and given != ["url"]:
            yield Problem(f"{place}.settings", "Only a file that is given by its url has settings", "unsupported")
        yield from _without_outputs(f"{place}.outputs", file)

    def _refusal(self, url: str) -> str | None:
        """Return why a URL can never be fetched. A thousand files most often lie on one host, which is judged once."""
        plain = _PLAIN.fullmatch(url)
        if plain is None:
            return self._check_url(url)
        origin = plain[1]
        if origin not in self._origins:
            self._origins[origin] = self._check_url(origin)
        return self._origins[origin]


def _objects(entries: Any, limit: int) -> Iterator[tuple[int, Json]]:
    if isinstance(entries, list):
        yield from ((index, each) for index, each in enumerate(entries[:limit]) if isinstance(each, dict))


def _objects_within(place: str, given: Json) -> Iterator[Problem]:
    for name in ("metadata", "secrets"):
        if name in given and (problem := object_problem(f"{place}.{name}".lstrip("."), given[name])) is not None:
            yield problem


def _without_outputs(place: str, given: Json) -> Iterator[Problem]:
    if given.get("outputs"):
        yield Problem(place, "Outputs cannot be given; they are what the steps find", "unsupported")


def _all_problems(shape: type[Shape], raw: bytes, exc: ValidationError, rules: Rules) -> list[Problem]:
    """Return the problems of a body whose shape is wrong, those of the rules included."""
    told = exc.errors(include_url=False, include_context=False, include_input=False)
    parsed = parsed_json(raw, complaint_of(told))
    texts = list(unstorable(parsed))
    if complaint_of(told):
        # What Python can read and pydantic cannot is text that has no UTF-8 form.
        if not texts:
            raise MalformedBody(detail=told[0]["msg"].removeprefix("Invalid JSON: ")) from exc
        return texts
    problems = [*_told(exc)]
    if isinstance(parsed, dict):
        problems += _hidden(shape, parsed)
        problems += rules(parsed)
    return _sorted([*dict.fromkeys(problems), *texts])


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems of the whole first, then those of each input: only the first ones are told one by one."""

    def index(problem: Problem) -> int:
        found = _FIRST_INDEX.match(problem.place)
        return int(found[1]) if found else -1

    return sorted(problems, key=index)


def _hidden(shape: type[Shape], parsed: Json) -> Iterator[Problem]:
    """Yield the problems within lists that are too long: pydantic stops at their length."""
    cut = {name: parsed[name][:most] for name, most in _LISTS.items() if isinstance(parsed.get(name), list)}
    if all(len(parsed[name]) == len(part) for name, part in cut.items()):
        return
    try:
        shape.model_validate({**parsed, **cut})
    except ValidationError as exc:
        yield from _told(exc)


def _told(exc: ValidationError) -> Iterator[Problem]:
    for error in exc.errors(include_url=False, include_context=False, include_input=False):
        place, message = error["loc"], error["msg"]
        if error["type"] == "string_pattern_mismatch":
            name = _FORM_OF.get(tuple(map(str, place[-2:])), str(place[-1]))
            message = _FORMS[name]
        yield Problem(dotted(place), message, error["type"])
