"""Lookups: what an endpoint does to the items of a request, and what it finds (seed 004)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from batchwork.domain.item import Json

#: The family's name, as usage is booked under.
FAMILY = "lookups"
#: The endpoints there are; each has the scope ``<endpoint>.read``.
ENDPOINTS = ("intelligence", "signals", "enrichment")
#: The most bytes (UTF-8) of a dataset's row key, and of a row as compact JSON; a row of the table ends at 400 KB
#: (AWS limit).
MAX_ROW_KEY, MAX_ROW = 512, 300_000


class LookupKind(StrEnum):
    """What is done to an item."""

    #: It is answered with itself: the documented stub, and what happens where nobody chose.
    ECHO = "echo"
    #: It is joined by key with a row of one of the workspace's datasets.
    DATASET = "dataset"
    #: A Lambda function of the operator's answers it, together with others.
    FUNCTION = "lambda"
    #: It is posted to a URL.
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What an endpoint of a workspace does. settings by kind:

    dataset: dataset (its name), field (of an item, that holds the key).
    lambda: function_arn, group_size. http: url, secret_ref (or None).
    """

    kind: LookupKind = LookupKind.ECHO
    settings: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LookupItem:
    """A valid item of a request."""

    index: int
    body: Json


@dataclass(frozen=True, slots=True)
class Found:
    """What an item ended with, as the client sees it: its status with `data` (200), or with an error.

    data: any JSON. code, message, details: of the error.
    """

    status: int
    data: Any = None
    code: str = ""
    message: str = ""
    details: Json = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether it has a result."""
        return self.status == 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A workspace's dataset. version: the one that is read, from 1. key: name of the field that names a row.

    Each load writes under a version of its own, a higher number than every load before it.
    """

    workspace_id: str
    name: str
    version: int
    key: str
    rows: int
    loaded_at: datetime


def row_key(value: Any) -> str | None:
    """Return the key that a JSON value names a row by, None for a value that names none.

    A text, or a whole number as its decimal text, so that 7 and "7" are the same key; 1 to 512 bytes, no NUL.
    """
    match value:
        case bool():
            return None
        case int():
            # Longer ones are over the limit anyway, and Python refuses to write them out.
            text = str(value) if value.bit_length() <= 4 * MAX_ROW_KEY else ""
        case str():
            text = value
        case _:
            return None
    try:
        return text if 1 <= len(text.encode()) <= MAX_ROW_KEY and "\0" not in text else None
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can escape and UTF-8 cannot hold
        return None
