"""What steps know of each other: the results that stand where a file is, by the names of their steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from batchwork.domain.item import Json


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step left. result: as it is stored; facts: as formulas see it."""

    result: Json | None
    facts: Any


class Scope:
    """What is known where a file is: of a part, its own steps and those of what it was cut from.

    Formulas see a step's facts: ``extraction1.total``, ``classification1``. Operands name what is stored:
    ``extraction1.output.value.total``; facts do as well. ``metadata`` is the run's.
    """

    def __init__(self, metadata: Json, outer: Scope | None = None) -> None:
        self._metadata = metadata
        self._outer = outer
        self._seen: dict[str, Seen] = {}
        self._gathered: dict[str, list[Seen]] = {}

    def inner(self) -> Scope:
        """Return the scope of a part."""
        return Scope(self._metadata, self)

    def note(self, step: str, result: Json | None, facts: Any) -> None:
        """Keep what a step left."""
        self._seen[step] = Seen(result, facts)

    def gather(self, part: Scope) -> None:
        """Take over what the steps of a part left: a step that ran on several parts is an array of what they left."""
        for step, seen in part.own().items():
            self._gathered.setdefault(step, []).append(seen)

    def own(self) -> dict[str, Seen]:
        """Return what was left at this file itself."""
        return {step: self.seen(step) or Seen(None, None) for step in (*self._gathered, *self._seen)}

    def all(self) -> dict[str, Seen]:
        """Return everything that is known."""
        return (self._outer.all() if self._outer is not None else {}) | self.own()

    def seen(self, step: str) -> Seen | None:
        """Return what a step left, None for one that did not run here."""
        if step in self._seen:
            return self._seen[step]
        if gathered := self._gathered.get(step):
            if len(gathered) == 1:
                return gathered[0]
            return Seen({"results": [seen.result for seen in gathered]}, [seen.facts for seen in gathered])
        return self._outer.seen(step) if self._outer is not None else None

    def value(self, path: Sequence[str | int]) -> Any:
        """Return what a variable of a formula stands for, None where there is nothing."""
        first, *rest = path
        if first == "metadata":
            return followed(self._metadata, rest)
        seen = self.seen(str(first))
        return None if seen is None else followed(seen.facts, rest)

    def operand(self, path: Sequence[str | int]) -> Any:
        """Return what ``{{...}}`` stands for: part of a step's stored result, or of its facts."""
        first, *rest = path
        seen = self.seen(str(first))
        if seen is not None and rest and isinstance(seen.result, dict) and rest[0] in seen.result:
            return followed(seen.result, rest)
        return self.value(path)


def followed(value: Any, path: Sequence[str | int]) -> Any:
    """Return what a path leads to; of an array, what it leads to in each entry; None where there is nothing."""
    for place, step in enumerate(path):
        if isinstance(value, list):
            if isinstance(step, int):
                value = value[step] if step < len(value) else None
                continue
            found = [followed(entry, path[place:]) for entry in value]
            return [each for entry in found for each in (entry if isinstance(entry, list) else [entry])]
        value = value.get(step) if isinstance(value, dict) and isinstance(step, str) else None
        if value is None:
            return None
    return value
