"""DynamoDB's wire form of values.

boto3.dynamodb.types would do, but importing it imports boto3 and its resources (sixty modules at every cold start).
Numbers are int only: no row keeps a fraction. Times are stored as milliseconds since 1970, UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wire(value: Any) -> dict[str, Any]:  # noqa: C901, PLR0911 -- a table of types reads best as one
    """Return the wire form of None, bool, int, str, bytes, datetime, list, tuple, dict, or a set of int or str."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case datetime():
            return {"N": str(millis(value))}
        case list() | tuple():
            return {"L": [wire(entry) for entry in value]}
        case dict():
            return {"M": {key: wire(entry) for key, entry in value.items()}}
        case set() | frozenset() if all(isinstance(entry, int) for entry in value):
            return {"NS": [str(entry) for entry in value]}
        case set() | frozenset():
            return {"SS": sorted(value)}
    raise TypeError(f"{type(value).__name__} has no wire form")


def value_of(wired: dict[str, Any]) -> Any:  # noqa: PLR0911 -- the same table backwards
    """Return the value of a wire form."""
    (kind, value), *_ = wired.items()
    match kind:
        case "N":
            return int(value)
        case "NULL":
            return None
        case "L":
            return [value_of(entry) for entry in value]
        case "M":
            return {key: value_of(entry) for key, entry in value.items()}
        case "NS":
            return {int(entry) for entry in value}
        case "SS":
            return set(value)
    return value


def row(values: dict[str, Any]) -> dict[str, Any]:
    """Return a row in wire form; attributes that are None or an empty set are left out."""
    return {k: wire(v) for k, v in values.items() if v is not None and v not in (set(), frozenset())}


def unrow(wired: dict[str, Any]) -> dict[str, Any]:
    """Return a row's values."""
    return {key: value_of(value) for key, value in wired.items()}


def millis(at: datetime) -> int:
    """Return a time as milliseconds since 1970, what is less cut off, as answers tell it."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def time_of(at: int) -> datetime:
    """Return the time of milliseconds since 1970."""
    return datetime.fromtimestamp(at / 1000, UTC)


def maybe_millis(at: datetime | None) -> int | None:
    """Return a time as milliseconds since 1970, None for none."""
    return None if at is None else millis(at)


def maybe_time(at: int | None) -> datetime | None:
    """Return the time of milliseconds since 1970, None for none."""
    return None if at is None else time_of(at)


def told(values: dict[str, Any]) -> dict[str, Any]:
    """Return a document without what is None."""
    return {name: value for name, value in values.items() if value is not None}
