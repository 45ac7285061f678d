"""What waits for what among the operations of a request, and what may be done next (decision 29): pure, without threads
or stores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from batchwork.domain.endings import STOPPED, dependent
from batchwork.domain.errors import Problem
from batchwork.domain.operation import Ended, Mode, Operation
from batchwork.domain.references import filled, ids_in, links_in

_RULE = "dependency"


@dataclass(frozen=True, slots=True)
class Graph:
    """The operations of a request, by index. needs: what must have succeeded before; linked: what holds references."""

    operations: tuple[Operation, ...]
    mode: Mode
    indexes: Mapping[str, int]
    needs: tuple[frozenset[int], ...]
    linked: frozenset[int]

    @classmethod
    def of(
        cls, operations: Sequence[Operation], mode: Mode, links: Mapping[int, Collection[str]] | None = None
    ) -> Graph:
        """Return the graph of operations without problems: a reference is a dependency too.

        links: the ids that each refers to, by its index, when somebody has read them already.
        """
        indexes = {operation.id: operation.index for operation in operations}
        if links is None:
            links = {each.index: ids_in(each.path, each.body, indexes) for each in operations}
        needs = [frozenset(indexes[name] for name in {*each.depends_on, *links[each.index]}) for each in operations]
        holding = frozenset(each.index for each in operations if links[each.index])
        return cls(tuple(operations), mode, indexes, tuple(needs), holding)

    def filled(self, index: int, ended: Mapping[int, Ended]) -> Operation | Ended:
        """Return an operation with its references filled in, or what it ends with when they have no fitting values."""
        operation = self.operations[index]
        if index not in self.linked:
            return operation
        return filled(operation, self.indexes, lambda name: ended[self.indexes[name]])


class Course:
    """How far the operations of a graph have come.

    In order, each waits for the end of the one before; in both modes, each waits for what it needs. What needs an
    operation that did not succeed is skipped; so is, unless errors are to be continued on, everything that was not
    started when one failed (spec operations 1.10).
    """

    def __init__(self, graph: Graph, ended: Mapping[int, Ended] | None = None, started: Collection[int] = ()) -> None:
        """ended: what an earlier try came to, which stands. started: what it began besides, which is not skipped."""
        self._graph = graph
        self._kept = dict(ended or {})
        self._waits = [len(needs) for needs in graph.needs]
        self._followers: list[list[int]] = [[] for _ in graph.needs]
        for index, needs in enumerate(graph.needs):
            for one in needs:
                self._followers[one].append(index)
        self._first = 0
        self.ended: dict[int, Ended] = {}
        self.started = {*started, *self._kept}
        self._ready = [index for index, waits in enumerate(self._waits) if not waits]
        for index in sorted(self._kept):
            self.end(index, self._kept[index])

    @property
    def unfinished(self) -> list[int]:
        """Return what has not ended, in order."""
        return [index for index in range(self._first, len(self._graph.operations)) if index not in self.ended]

    @property
    def ready(self) -> bool:
        """Whether something may be started now."""
        while self._ready and self._ready[0] in self.ended:
            heappop(self._ready)
        while self._first in self.ended:
            self._first += 1
        return bool(self._ready) and (self._graph.mode.parallel or self._ready[0] == self._first)

    def take(self) -> int | None:
        """Return the first operation that may be started now, and take it for started; None when there is none.

        One that is taken and never ended keeps what waits for it waiting.
        """
        if not self.ready:
            return None
        index = heappop(self._ready)
        self.started.add(index)
        return index

    def end(self, index: int, ended: Ended) -> None:
        """Note what an operation ended with, and skip what is not to be attempted because of it."""
        ends = deque([(index, ended)])
        while ends:
            at, outcome = ends.popleft()
            if at in self.ended:
                continue
            outcome = self.ended[at] = self._kept.get(at, outcome)
            for follower in self._followers[at]:
                self._waits[follower] -= 1
                if not outcome.succeeded:
                    ends.append((follower, dependent(self._graph.operations[at].id)))
                elif not self._waits[follower]:
                    heappush(self._ready, follower)
            if not ends and not ended.succeeded and not self._graph.mode.continue_on_error:
                ends.extend((left, STOPPED) for left in self.unfinished if left not in self.started)


def problems_of(
    operations: Sequence[Operation], links: Mapping[int, Collection[str]], ids: Mapping[str, int], mode: Mode
) -> Iterator[Problem]:
    """Yield what is wrong with dependencies and references: unknown ids, itself, later ones, repeated ones, cycles.

    links: the ids that each operation refers to, by its index. ids: the first place of every id of the request, those of operations with other problems included.
    """
    fine = True
    for each in operations:
        place = f"operations.{each.index}.dependsOn"
        for message in _dependency_faults(each, ids, mode):
            fine = False
            yield Problem(place, message, _RULE, structural=False)
        wrong = {name for name in links[each.index] if ids.get(name, each.index) >= each.index}
        for link in links_in(each.path, each.body, ids, wrong) if wrong else ():
            fine = False
            told = "A reference must be to an operation that stands before this one"
            yield Problem(f"operations.{each.index}.{link.place}", told, _RULE, structural=False)
    if fine and mode.parallel:
        for index in _circular(operations, links, ids):
            told = "Operations must not depend on each other in a circle"
            yield Problem(f"operations.{index}.dependsOn", told, "cycle", structural=False)


def _dependency_faults(operation: Operation, ids: Mapping[str, int], mode: Mode) -> Iterator[str]:
    names = operation.depends_on
    if len(set(names)) < len(names):
        yield "Must name each operation once"
    if operation.id in names:
        yield "An operation must not depend on itself"
    if not ids.keys() >= set(names):
        yield "Must name operations of this request by their ids"
    if not mode.parallel and any(ids.get(name, 0) > operation.index for name in names):
        yield "Operations run in order unless parallel is true: must name only operations that stand before this one"


def _circular(
    operations: Sequence[Operation], links: Mapping[int, Collection[str]], ids: Mapping[str, int]
) -> list[int]:
    """Return the operations with a dependency that lie on a circle or between two."""
    needs = {each.index: {ids[name] for name in (*each.depends_on, *links[each.index])} for each in operations}
    left = set(needs)
    while True:
        wanted = {one for index in left for one in needs[index]}
        free = {index for index in left if index not in wanted or not needs[index] & left}
        if not free:
            return sorted(each.index for each in operations if each.index in left and each.depends_on)
        left -= free
