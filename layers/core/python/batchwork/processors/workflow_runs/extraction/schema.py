"""The JSON Schemas that EXTRACT takes, checked and read as fields.

An object of typed properties: string, number, integer, boolean, object, array of one of these, enum, each perhaps null;
``"extend:type"`` (or ``"format"``) ``date``, ``currency`` and ``signature``. Ours, at each property: ``x-pattern`` (RE2: group 1,
or all that matches), ``x-path`` (JSONPath, for JSON documents; in items of arrays it begins at the item) and ``x-labels``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.extraction.lines import canonical
from batchwork.processors.workflow_runs.jsonpaths import Path, PathFault
from batchwork.processors.workflow_runs.jsonpaths import compiled as compiled_path
from batchwork.processors.workflow_runs.patterns import Pattern, compiled
from batchwork.processors.workflow_runs.step import wrong
from batchwork.processors.workflow_runs.words import pattern_problems

MAX_DEPTH, MAX_PROPERTIES, MAX_LABELS, MAX_LABEL, MAX_ENUM = 5, 300, 20, 100, 200


class Kind(StrEnum):
    """What a field's value is."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    CURRENCY = "currency"
    SIGNATURE = "signature"
    ENUM = "enum"
    OBJECT = "object"
    ARRAY = "array"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A property. labels: canonical. fields: of an object. item: of an array. given: whether its labels are its owner's."""

    name: str
    kind: Kind
    labels: tuple[str, ...] = ()
    given: bool = False
    pattern: Pattern | None = None
    path: Path | None = None
    choices: tuple[Any, ...] = ()
    fields: tuple[Field, ...] = ()
    item: Field | None = None

    def all_labels(self) -> Iterator[str]:
        """Yield the labels of this field and of those in it."""
        yield from self.labels
        for field in self.fields:
            yield from field.all_labels()
        if self.item is not None:
            yield from self.item.all_labels()


class Labels:
    """The labels of all fields of a schema. all: each one that is looked for, also those of columns."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.all = frozenset(label for field in fields for label in field.all_labels())
        single = [each for field in fields for each in _single(field)]
        self._owners = Counter(label for field in single for label in field.labels)
        self._first = Counter(field.labels[0] for field in single if field.labels)

    def of(self, field: Field) -> tuple[str, ...]:
        """Return the labels that are a field's alone: of those that several have, the one that is the first of this field
        only, and those that its owner gave. ``Name`` is neither the vendor's nor the customer's where both have one.
        """
        if field.given:
            return field.labels
        return tuple(
            label
            for at, label in enumerate(field.labels)
            if self._owners[label] <= 1 or (not at and self._first[label] <= 1)
        )


def _single(field: Field) -> Iterator[Field]:
    """Yield the fields that are found by labels: neither objects nor columns of tables."""
    if field.kind is Kind.OBJECT:
        for each in field.fields:
            yield from _single(each)
    elif field.item is None or field.item.kind is not Kind.OBJECT:
        yield field


def fields_of(schema: Json) -> tuple[Field, ...]:
    """Return the fields of a schema that was checked."""
    return tuple(_field(name, each, ()) for name, each in schema["properties"].items())


def _field(name: str, schema: Json, outer: tuple[str, ...]) -> Field:
    schema = _unwrapped(schema)
    kind = _kind(schema)
    own = (schema.get("title") or name, name)
    written = schema.get("x-labels") or [*(f"{outer[-1]} {each}" for each in own if outer), *own]
    items = _unwrapped(schema.get("items") or {}) if kind is Kind.ARRAY else {}
    return Field(
        name=name,
        kind=kind,
        labels=tuple(dict.fromkeys(label for each in written if (label := canonical(each)))),
        given=bool(schema.get("x-labels")),
        pattern=compiled(schema["x-pattern"]) if "x-pattern" in schema else None,
        path=compiled_path(schema["x-path"]) if "x-path" in schema else None,
        choices=tuple(schema.get("enum", ())),
        fields=tuple(_field(inner, each, (*outer, name)) for inner, each in schema.get("properties", {}).items())
        if kind is Kind.OBJECT
        else (),
        item=_field(name, items, outer) if kind is Kind.ARRAY else None,
    )


def _unwrapped(schema: Json) -> Json:
    """Return the one alternative of ``anyOf`` that is not null, with what stands beside it."""
    alternatives = schema.get("anyOf")
    if not isinstance(alternatives, list):
        return schema
    real = [each for each in alternatives if isinstance(each, dict) and each.get("type") != "null"]
    beside = {name: value for name, value in schema.items() if name != "anyOf"}
    return beside | real[0] if len(real) == 1 else schema


def _kind(schema: Json) -> Kind:
    special = schema.get("extend:type") or schema.get("format")
    if special in {"date", "currency", "signature"}:
        return Kind(special)
    if "enum" in schema:
        return Kind.ENUM
    kinds = schema.get("type")
    (first, *_) = [each for each in (kinds if isinstance(kinds, list) else [kinds]) if each != "null"] or [None]
    return Kind(first or ("object" if "properties" in schema else "string"))


def schema_problems(schema: object, place: str) -> Iterator[Problem]:
    """Yield what is wrong with a schema."""
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict) or not schema["properties"]:
        yield wrong(place, "must be a JSON Schema of an object with properties")
        return
    if schema.get("type", "object") not in ("object", ["object"]):
        yield wrong(f"{place}.type", "must be object")
    count = 0
    for found in _of_properties(schema["properties"], f"{place}.properties", 1):
        if found is None:
            count += 1
        else:
            yield found
    if count > MAX_PROPERTIES:
        yield wrong(place, f"must have at most {MAX_PROPERTIES} properties, not {count}")


def _of_properties(properties: Json, place: str, depth: int) -> Iterator[Problem | None]:
    """Yield None for each property, and what is wrong with it."""
    if depth > MAX_DEPTH:
        yield wrong(place, f"is nested more than {MAX_DEPTH} levels deep")
        return
    for name, schema in properties.items():
        yield None
        here = f"{place}.{name[:100]}"
        if not name.strip() or any(char in name for char in ".[]"):
            yield wrong(here, "must have a name without dots and brackets")
        elif not isinstance(schema, dict):
            yield wrong(here, "must be an object")
        else:
            yield from _of_property(schema, here, depth)


def _of_property(schema: Json, place: str, depth: int) -> Iterator[Problem | None]:
    if "$ref" in schema or any(word in schema for word in ("oneOf", "allOf")) or "anyOf" in _unwrapped(schema):
        yield wrong(place, "must not use $ref, oneOf, allOf, or anyOf of more than one type and null")
        return
    yield from _of_hints(schema, place)
    schema = _unwrapped(schema)
    kinds = schema.get("type")
    named = [each for each in (kinds if isinstance(kinds, list) else [kinds]) if each not in ("null", None)]
    allowed = ("string", "number", "integer", "boolean", "object", "array")
    if len(named) > 1 or any(each not in allowed for each in named):
        yield wrong(f"{place}.type", f"must be one of {', '.join(allowed)}, perhaps with null")
        return
    own = schema.get("extend:type")
    if own is not None and own not in ("date", "currency", "signature"):
        yield wrong(f"{place}.extend:type", "must be one of date, currency, signature")
        return
    if "enum" in schema:
        choices = schema["enum"]
        scalars = isinstance(choices, list) and all(
            each is None or isinstance(each, (str, int, float)) for each in choices
        )
        if not scalars or not 1 <= len(choices) <= MAX_ENUM:
            yield wrong(f"{place}.enum", f"must be an array of 1 to {MAX_ENUM} texts, numbers or null")
        return
    yield from _of_inner(schema, place, depth, named)


def _of_inner(schema: Json, place: str, depth: int, named: list[str]) -> Iterator[Problem | None]:
    kind = _kind(schema)
    if kind is Kind.OBJECT:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            yield wrong(f"{place}.properties", "must be an object with a property at least")
            return
        yield from _of_properties(properties, f"{place}.properties", depth + 1)
    elif kind is Kind.ARRAY:
        items = schema.get("items")
        if not isinstance(items, dict):
            yield wrong(f"{place}.items", "must be an object")
            return
        if _unwrapped(items).get("type") == "array":
            yield wrong(f"{place}.items.type", "must not be array")
            return
        yield from _of_property(items, f"{place}.items", depth)
    elif not named and "extend:type" not in schema and "format" not in schema:
        yield wrong(f"{place}.type", "is required")


def _of_hints(schema: Json, place: str) -> Iterator[Problem]:
    if not isinstance(schema.get("title", ""), str):
        yield wrong(f"{place}.title", "must be a text")
    if "x-pattern" in schema:
        yield from pattern_problems(schema["x-pattern"], f"{place}.x-pattern")
    if "x-path" in schema:
        try:
            if not isinstance(schema["x-path"], str):
                raise PathFault("it must be a text")
            compiled_path(schema["x-path"])
        except PathFault as exc:
            yield wrong(f"{place}.x-path", f"cannot be used: {exc}")
    labels = schema.get("x-labels")
    if labels is not None and not (
        isinstance(labels, list)
        and len(labels) <= MAX_LABELS
        and all(isinstance(each, str) and canonical(each) and len(each) <= MAX_LABEL for each in labels)
    ):
        yield wrong(f"{place}.x-labels", f"must be an array of at most {MAX_LABELS} texts with a word each")
