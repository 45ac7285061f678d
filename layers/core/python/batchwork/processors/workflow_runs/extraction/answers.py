"""What a model answered, as far as it fits the fields that were asked for."""

from __future__ import annotations

from typing import Any

from batchwork.domain.document import Document
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.extraction.engine import typed_value
from batchwork.processors.workflow_runs.extraction.schema import Field, Kind
from batchwork.processors.workflow_runs.extraction.tables import MAX_ITEMS
from batchwork.processors.workflow_runs.texts import deeper_than, sound

_DEPTH = 20


def wanted_of(fields: tuple[Field, ...], answer: Json, document: Document) -> Json:
    """Return ``{"value", "metadata"}`` of a model's answer; what is no value of its field is null."""
    given = answer.get("value")
    if not isinstance(given, dict):
        given = answer  # some models answer the value itself
    if deeper_than(given, _DEPTH):
        given = {}
    given = sound(given)
    sure = answer.get("confidence")
    metadata: Json = {}
    value = {}
    for field in fields:
        own = sure.get(field.name) if isinstance(sure, dict) else None
        confidence = min(1.0, max(0.0, float(own or 0))) if type(own) in {int, float} and own == own else None  # noqa: PLR0124 -- NaN
        value[field.name] = _wanted(field, given.get(field.name), field.name, confidence, document, metadata)
    return {"value": value, "metadata": metadata}


def _wanted(field: Field, given: Any, place: str, sure: float | None, document: Document, metadata: Json) -> Any:
    if field.kind is Kind.OBJECT:
        own = given if isinstance(given, dict) else {}
        return {
            each.name: _wanted(each, own.get(each.name), f"{place}.{each.name}", sure, document, metadata)
            for each in field.fields
        }
    if field.kind is Kind.ARRAY and field.item is not None:
        entries = given[:MAX_ITEMS] if isinstance(given, list) else []
        item = field.item
        return [_wanted(item, entry, f"{place}[{at}]", sure, document, metadata) for at, entry in enumerate(entries)]
    value = typed_value(field, given)
    cited = _cited(given, document) if value is not None else None
    metadata[place] = {
        "ocrConfidence": None,
        "logprobsConfidence": sure if value is not None else None,
        "citations": [] if cited is None else [cited],
    }
    return value


def _cited(given: Any, document: Document) -> Json | None:
    """Return where a text stands in the document, None where it does not stand so."""
    if not isinstance(given, str) or not given.strip():
        return None
    for page in document.pages:
        if given in page.text:
            return {"page": page.number, "referenceText": given[:300]}
    return None
