"""Fields found in a document: each by its path, its pattern, or its labels; arrays of objects by the columns of tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from batchwork.domain.document import Document
from batchwork.domain.item import Json
from batchwork.domain.run import FileType
from batchwork.processors.workflow_runs.extraction import coercion
from batchwork.processors.workflow_runs.extraction.lines import ALIKE, EXACT, QUOTED, Labelled, Lines, canonical
from batchwork.processors.workflow_runs.extraction.schema import Field, Kind, Labels
from batchwork.processors.workflow_runs.extraction.tables import MAX_ITEMS, rows_for
from batchwork.processors.workflow_runs.texts import deeper_than, sound

MAX_VALUE = 10_000
#: How deep a JSON document may be nested to be read as JSON.
MAX_JSON_DEPTH = 100
_MISSING = object()


@dataclass(frozen=True, slots=True)
class _Found:
    """A value, where it stands and how sure it is."""

    value: Any
    page: int
    quote: str
    sure: float


class Extraction:
    """The fields of one schema."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = tuple(fields)
        self._labels = Labels(fields)

    def of(self, document: Document, tick: Callable[[], object] = lambda: None) -> Json:
        """Return ``{"value", "metadata"}`` as the steps' package says. tick: called for each value; may raise."""
        reading = _Reading(document, self._labels, tick)
        value = {field.name: reading.value(field, field.name, reading.json) for field in self._fields}
        return {"value": value, "metadata": reading.metadata}


class _Reading:
    """One document."""

    def __init__(self, document: Document, labels: Labels, tick: Callable[[], object]) -> None:
        self._tick = tick
        self.metadata: Json = {}
        self.json = _json_of(document)
        self._document = document
        self._labels = labels
        self._known: Lines | None = None
        self._served: set[tuple[int, str, str]] = set()

    @property
    def _lines(self) -> Lines:
        if self._known is None:
            self._known = Lines.of(self._document, self._labels.all)
        return self._known

    def value(self, field: Field, place: str, json_value: Any) -> Any:
        """Return a field's value and note where it is from. json_value: where the field is, in JSON documents."""
        self._tick()
        if field.kind is Kind.ARRAY:
            return self._array(field, place, json_value)
        own = self._json(field, json_value)
        if field.kind is Kind.OBJECT:
            return {each.name: self.value(each, f"{place}.{each.name}", own) for each in field.fields}
        found = self._single(field, own)
        self._note(place, found)
        return None if found is None else found.value

    def _single(self, field: Field, json_value: Any) -> _Found | None:
        if json_value is not _MISSING:
            return _typed_json(field, json_value)
        if field.kind is Kind.SIGNATURE:
            return self._signature(field)
        if field.pattern is not None:
            return next(self._shaped(field, 1), None)
        if self.json is not _MISSING:
            return None
        convert = _converter(field)
        typed = field.kind is not Kind.STRING
        for candidate in self._candidates(field, typed=typed):
            value = convert(candidate.text)
            if value is not None:
                self._serve(candidate)
                return _Found(value, candidate.page, candidate.quote, candidate.sure)
        return None

    def _candidates(self, field: Field, *, typed: bool) -> Iterator[Labelled]:
        """Yield what may be a field's value. What served another field does not stand after a label that is only like one
        of this field's.
        """
        for label in self._labels.of(field):
            for candidate in self._lines.candidates(label, typed=typed, own=field.labels):
                if candidate.sure > ALIKE or _place(candidate) not in self._served:
                    yield candidate

    def _serve(self, candidate: Labelled) -> None:
        self._served.add(_place(candidate))

    def _shaped(self, field: Field, limit: int) -> Iterator[_Found]:
        """Yield what a field's pattern finds."""
        if field.pattern is None:
            return
        convert = _converter(field)
        for page in self._document.pages:
            for place in field.pattern.all(page.text, limit):
                value = convert(field.pattern.wanted(place))
                if value is not None:
                    quote = " ".join((place.group() or "").split())[:QUOTED]
                    yield _Found(value, page.number, quote, 1.0)
                    limit -= 1
                    if not limit:
                        return

    def _array(self, field: Field, place: str, json_value: Any) -> list[Any]:
        item = field.item
        if item is None:
            return []
        found = self._json_items(field, json_value)
        if found is None:
            if item.kind is Kind.OBJECT:
                return self._rows(item, place)
            return self._entries(field, item, place)
        values: list[Any] = []
        for entry in found:
            here = f"{place}[{len(values)}]"
            if item.kind is Kind.OBJECT:
                values.append({each.name: self.value(each, f"{here}.{each.name}", entry) for each in item.fields})
            elif (each := _typed_json(item, entry)) is not None:
                self._note(here, each)
                values.append(each.value)
        return values

    def _json_items(self, field: Field, json_value: Any) -> list[Any] | None:
        """Return the entries of an array in a JSON document, None where the document is none or a pattern is given."""
        if json_value is _MISSING:
            return None
        if field.path is not None:
            found = field.path.find(json_value, MAX_ITEMS)
            return list(found[0])[:MAX_ITEMS] if len(found) == 1 and isinstance(found[0], list) else found
        own = self._json(field, json_value)
        if own is _MISSING:
            return None if field.pattern is not None else []
        return list(own)[:MAX_ITEMS] if isinstance(own, list) else [own]

    def _rows(self, item: Field, place: str) -> list[Any]:
        values: list[Any] = []
        for row in rows_for(self._document, item.fields):
            cells: dict[str, Any] = {}
            for field in item.fields:
                text = row.cells.get(field.name)
                value = _converter(field)(text) if text else None
                cells[field.name] = _nothing(field) if value is None else value
                found = None if value is None else _Found(value, row.page, row.quote, EXACT)
                self._note(f"{place}[{len(values)}].{field.name}", found)
            if any(cells[field.name] != _nothing(field) for field in item.fields):
                values.append(cells)
            else:
                for field in item.fields:
                    del self.metadata[f"{place}[{len(values)}].{field.name}"]
        return values

    def _entries(self, field: Field, item: Field, place: str) -> list[Any]:
        """Return single values: what a pattern finds, a column of a table, or what stands after a label, with commas."""
        shaping = field if field.pattern is not None else item
        found = list(self._shaped(_with_kind(shaping, item), MAX_ITEMS))
        if not found and shaping.pattern is None:
            convert = _converter(item)
            for candidate in self._candidates(field, typed=False):
                parts = candidate.text.replace(";", ",").split(",")[:MAX_ITEMS]
                values = [value for part in parts if (value := convert(part.strip())) is not None]
                found = [_Found(value, candidate.page, candidate.quote, candidate.sure) for value in values]
                if found:
                    self._serve(candidate)
                    break
        if not found and shaping.pattern is None:
            convert = _converter(item)
            for row in rows_for(self._document, [_with_kind(field, item)]):
                value = convert(row.cells[field.name])
                if value is not None:
                    found.append(_Found(value, row.page, row.quote, EXACT))
        for at, each in enumerate(found):
            self._note(f"{place}[{at}]", each)
        return [each.value for each in found]

    def _json(self, field: Field, value: Any) -> Any:
        """Return what a field is in JSON: by its path, else by its name."""
        if value is _MISSING or (field.path is None and field.pattern is not None):
            return _MISSING
        if field.path is not None:
            return next(iter(field.path.find(value, 1)), None)
        if not isinstance(value, dict):
            return None
        if field.name in value:
            return value[field.name]
        names = {canonical(name): name for name in value}
        return next((value[names[label]] for label in field.labels if label in names), None)

    def _signature(self, field: Field) -> _Found | None:
        """Return who signed and when, by the labels under signatures."""
        page, quote = 1, ""
        signed = next(
            (each for label in (*field.labels, "signature", "signed by") for each in self._after(label)), None
        )
        named = next((each for label in ("printed name", "print name", "name") for each in self._after(label)), None)
        dated = next((each for label in ("signature date", "date signed", "date") for each in self._after(label)), None)
        if signed is None and named is None:
            return None
        role = next((each for label in ("title or role", "title", "role") for each in self._after(label)), None)
        for each in (named, signed):
            if each is not None:
                page, quote = each.page, each.quote
        value = {
            "printed_name": None if named is None else named.value,
            "signature_date": None if dated is None else coercion.date_of(dated.value),
            "is_signed": signed is not None,
            "title_or_role": None if role is None else role.value,
        }
        return _Found(value, page, quote, 0.6)

    def _after(self, label: str) -> Iterator[_Found]:
        for each in self._lines.candidates(canonical(label), typed=False):
            if any(char.isalnum() for char in each.text):
                yield _Found(each.text[:MAX_VALUE], each.page, each.quote, each.sure)

    def _note(self, place: str, found: _Found | None) -> None:
        citations = [] if found is None else [{"page": found.page, "referenceText": found.quote}]
        sure = None if found is None else found.sure
        self.metadata[place] = {"ocrConfidence": None, "logprobsConfidence": sure, "citations": citations}


def _place(candidate: Labelled) -> tuple[int, str, str]:
    return candidate.page, candidate.quote, candidate.text


def _nothing(field: Field) -> Any:
    """Return what a field is that is not there: by the schema, what is nested is never null."""
    match field.kind:
        case Kind.OBJECT:
            return {each.name: _nothing(each) for each in field.fields}
        case Kind.ARRAY:
            return []
    return None


def _with_kind(field: Field, item: Field) -> Field:
    return Field(
        name=field.name,
        kind=item.kind,
        labels=field.labels,
        given=field.given,
        pattern=field.pattern,
        choices=item.choices,
    )


def _json_of(document: Document) -> Any:
    """Return what a document is as JSON, _MISSING for one that is none."""
    text = document.text if document.type is FileType.TXT else ""
    if not text.lstrip().startswith(("{", "[")):
        return _MISSING
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return _MISSING
    return _MISSING if deeper_than(found, MAX_JSON_DEPTH) else sound(found)


def typed_value(field: Field, value: Any) -> Any:
    """Return a JSON value as a field's, None for null and for what is none of its kind."""
    if field.kind is Kind.SIGNATURE:
        names = ("printed_name", "signature_date", "is_signed", "title_or_role")
        return {name: value[name] for name in names if name in value} if isinstance(value, dict) else None
    found = _typed_json(field, value)
    return None if found is None else found.value


def _typed_json(field: Field, value: Any) -> _Found | None:
    """Return a JSON value as a field's, None for null and for what is none of its kind."""
    if value is None or (isinstance(value, (dict, list)) and field.kind is not Kind.CURRENCY):
        return None
    typed: Any
    match field.kind:
        case Kind.CURRENCY if isinstance(value, dict):
            code = value.get("iso_4217_currency_code", value.get("currency"))
            amount: Any = value.get("amount", value.get("value"))
            number = coercion.whole(amount) if _is_number(amount) else coercion.number_of(str(amount))
            typed = None if number is None else {"amount": number, "iso_4217_currency_code": code}
        case Kind.CURRENCY if _is_number(value):
            typed = {"amount": coercion.whole(value), "iso_4217_currency_code": None}
        case Kind.NUMBER if _is_number(value):
            typed = coercion.whole(value)
        case Kind.BOOLEAN if isinstance(value, bool):
            typed = value
        case Kind.ENUM if value in field.choices:
            typed = value
        case _:
            typed = _converter(field)(value if isinstance(value, str) else json.dumps(value))
    quote = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return None if typed is None else _Found(typed, 1, quote[:QUOTED], 1.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _currency(text: str) -> Json | None:
    found = coercion.amount_of(text)
    if found is None:
        return None
    return {"amount": coercion.whole(found.value), "iso_4217_currency_code": found.code}


def _string(text: str) -> str | None:
    text = text.strip()[:MAX_VALUE]
    return text if any(char.isalnum() for char in text) else None


_CONVERTERS: dict[Kind, Callable[[str], Any]] = {
    Kind.STRING: _string,
    Kind.NUMBER: coercion.number_of,
    Kind.INTEGER: coercion.integer_of,
    Kind.BOOLEAN: coercion.truth_of,
    Kind.DATE: coercion.date_of,
    Kind.CURRENCY: _currency,
}


def _converter(field: Field) -> Callable[[str], Any]:
    if field.kind is Kind.ENUM:
        return lambda text: coercion.choice_of(text, field.choices)
    return _CONVERTERS.get(field.kind, lambda _: None)
