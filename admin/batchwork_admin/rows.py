"""Rows of CSV and JSONL files, with the line that each stands in, never more of a file in memory than a row."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.lookup import MAX_ROW
from batchwork.use_cases.datasets import Placed

FORMATS = ("csv", "jsonl")
_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
#: Bytes of a line: of a row as large as may be, with every character escaped, and space between.
MAX_LINE = 8 * MAX_ROW


@dataclass(frozen=True, slots=True)
class Source:
    """An open file. size, position(): in bytes as they are stored, compressed or not."""

    rows: Iterator[Placed]
    size: int
    position: Callable[[], int]


@contextmanager
def opened(path: Path, named: str | None = None) -> Iterator[Source]:
    """Open a file of rows. named: its format, by default what its name ends in.

    Raises OSError, InvalidRequest for a name that says no format, and from the rows InvalidRequest with the line.
    """
    compressed = path.suffix == ".gz"
    ending = Path(path.stem).suffix if compressed else path.suffix
    file_format = named or _ENDINGS.get(ending.lower())
    if file_format is None:
        told = f"Its name does not end in {', '.join(_ENDINGS)}; say --format"
        raise InvalidRequest([Problem(path.name, told, "format")])
    with ExitStack() as open_files:
        # The limit is the process's; others that read CSV have their own reasons for theirs.
        open_files.callback(csv.field_size_limit, csv.field_size_limit(MAX_ROW))
        stored = open_files.enter_context(path.open("rb"))
        size = path.stat().st_size
        readline = open_files.enter_context(gzip.GzipFile(fileobj=stored)).readline if compressed else stored.readline
        read = _csv if file_format == "csv" else _jsonl
        yield Source(read(_lines(readline)), size, stored.tell)


def _bad(line: int, complaint: str) -> InvalidRequest:
    return InvalidRequest([Problem(f"line {line}", complaint, "line")])


def _lines(readline: Callable[[int], bytes]) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, from 1; a byte order mark before the first is left out."""
    number = 0
    while True:
        number += 1
        try:
            line = readline(MAX_LINE + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
            raise _bad(number, "The file cannot be decompressed from here on") from exc
        if not line:
            return
        if len(line) > MAX_LINE:
            raise _bad(number, f"It has more than {MAX_LINE} bytes")
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as exc:
            raise _bad(number, "It is not UTF-8") from exc


def _csv(lines: Iterator[tuple[int, str]]) -> Iterator[Placed]:
    """Yield the records below the header; each stands where its first line does."""
    reader = csv.reader((line for _, line in lines), strict=True)
    header = _record(reader)
    if header is None:
        return
    if len(set(header)) < len(header):
        twice = sorted({name for name in header if header.count(name) > 1})
        raise _bad(reader.line_num, f"The header names {', '.join(twice)} twice")
    while True:
        line = reader.line_num + 1
        record = _record(reader)
        if record is None:
            return
        if not record:  # an empty line
            continue
        if len(record) != len(header):
            raise _bad(line, f"It has {len(record)} values and the header {len(header)}")
        yield f"line {line}", dict(zip(header, record, strict=True))


def _record(reader: Any) -> list[str] | None:
    try:
        record: list[str] | None = next(reader, None)
    except csv.Error as exc:
        raise _bad(reader.line_num, f"It is not CSV: {exc}") from exc
    return record


def _jsonl(lines: Iterator[tuple[int, str]]) -> Iterator[Placed]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except json.JSONDecodeError as exc:
            raise _bad(number, f"It is not JSON: {exc.msg} at column {exc.colno}") from exc
        except ValueError as exc:
            raise _bad(number, "It has a number of more digits than can be read") from exc
        except RecursionError as exc:
            raise _bad(number, "It is nested too deeply") from exc
