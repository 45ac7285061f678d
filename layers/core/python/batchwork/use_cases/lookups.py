"""LookUp: the items of one request, side by side, each with an end of its own before the request's time is over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from batchwork.domain.errors import LookupFailed
from batchwork.domain.idempotency import Ticket
from batchwork.domain.lookup import FAMILY, Found, LookupItem
from batchwork.domain.workspace import Caller
from batchwork.ports.lookups import Resolver
from batchwork.use_cases.meter import Meter, charge_of

TIMED_OUT = Found(504, code="timeout", message="The lookup did not finish in time.")
LEFT_OUT = Found(502, code="upstream_failed", message="The lookup gave no result for this item.")
BROKEN = Found(500, code="server_error", message="Internal server error during the lookup.")
TOO_DEEP = Found(422, code="validation_failed", message="The item is nested too deeply.")
#: What a failed lookup is called, by its status; any other is an upstream's failure.
_CODES = {500: "server_error", 504: "timeout"}

Group = Sequence[LookupItem]
#: What came of a group: what was found by index, and what an index that is not among it ended with.
Outcome = tuple[Mapping[int, Found], Found]


@dataclass(frozen=True, slots=True)
class LookUp:
    """Look up the items of a request.

    Groups run at once, `concurrency` of them at the most. One that fails, or takes longer than `item_timeout`, is split
    into its items where one of them may be the reason; they are tried again alone, so that no item fails for its
    neighbour. While more groups wait than can run, each may take its share of the time only. resolvers: opens what
    answers (workspace id, endpoint). unexpected: told of errors that a resolver did not mean to raise, one of each kind.
    """

    resolvers: Callable[[str, str], Resolver]
    meter: Meter
    concurrency: int
    item_timeout: timedelta
    unexpected: Callable[[Exception], None]

    def __call__(
        self,
        caller: Caller,
        endpoint: str,
        entries: Sequence[LookupItem | Found],
        ticket: Ticket,
        time_left: timedelta,
    ) -> list[Found]:
        """Return what each entry of a request ended with, in order; all are charged, before any is looked up.

        entries: items, and what is none with its error, which no resolver sees. What is unfinished when `time_left` is
        over ends as 504. Raises QuotaExceeded, and EngineFailed when no item can be looked up.
        """
        ends_at = monotonic() + time_left.total_seconds()
        with self.meter.charged(charge_of(caller, ticket, FAMILY, len(entries))):
            items = [entry for entry in entries if isinstance(entry, LookupItem)]
            found: dict[int, Found] = {}
            if items:
                resolver = self.resolvers(caller.workspace.id, endpoint)
                found = _Crowd(self, resolver, ticket.id, ends_at).work(items)
            return [found[entry.index] if isinstance(entry, LookupItem) else entry for entry in entries]


@dataclass(slots=True)
class _Crowd:
    """The groups of one request on threads of their own.

    Nobody waits for a thread whose group was given up: it is a daemon's, counts no longer against the cap, and what it
    brings is not looked at. A thread a group, since a pool's threads are waited for when the interpreter ends.
    """

    settings: LookUp
    resolver: Resolver
    token: str
    ends_at: float
    found: dict[int, Found] = field(default_factory=dict)
    waiting: deque[Group] = field(default_factory=deque)
    running: dict[int, tuple[Group, float]] = field(default_factory=dict)
    done: SimpleQueue[tuple[int, Outcome]] = field(default_factory=SimpleQueue)
    reported: set[type[Exception]] = field(default_factory=set)
    started: int = 0

    def work(self, items: Sequence[LookupItem]) -> dict[int, Found]:
        """Return what each item ended with."""
        self.waiting.extend(self.resolver.groups(items))
        while (self.waiting or self.running) and monotonic() < self.ends_at:
            while self.waiting and len(self.running) < self.settings.concurrency:
                self._start(self.waiting.popleft())
            self._wait()
        while not self.done.empty():
            self._wait()
        for group in (*self.waiting, *(group for group, _ in self.running.values())):
            self._settle(group, {}, TIMED_OUT)
        return self.found

    def _start(self, group: Group) -> None:
        now = monotonic()
        # Each group that waits gets a share of the time that is left: those that hang leave a turn to all others.
        share = (self.ends_at - now) * self.settings.concurrency / (len(self.waiting) + 1)
        until = min(now + min(self.settings.item_timeout.total_seconds(), share), self.ends_at)
        number, self.started = self.started, self.started + 1
        self.running[number] = group, until
        timeout = timedelta(seconds=max(0.001, until - now))
        Thread(target=self._resolve, args=(number, group, timeout), name="lookup", daemon=True).start()

    def _resolve(self, number: int, group: Group, timeout: timedelta) -> None:
        self.done.put((number, self._outcome(group, timeout)))

    def _outcome(self, group: Group, timeout: timedelta) -> Outcome:
        try:
            return self.resolver.resolve(group, timeout, self.token), LEFT_OUT
        except LookupFailed as exc:
            status = int(exc.facts.get("status", LEFT_OUT.status))
            return {}, Found(status, code=_CODES.get(status, LEFT_OUT.code), message=str(exc))
        except RecursionError:  # of json: what a parser took may be too deep for a writer further down the stack
            return {}, TOO_DEEP
        except Exception as exc:  # noqa: BLE001 -- a resolver's bug is the item's failure, not its neighbours'
            if type(exc) not in self.reported:
                self.reported.add(type(exc))
                self.settings.unexpected(exc)
            return {}, BROKEN

    def _wait(self) -> None:
        """Settle what is done, or else give up what has run for too long."""
        first = min((until for _, until in self.running.values()), default=0.0)
        try:
            number, outcome = self.done.get(timeout=max(0.0, first - monotonic()))
        except Empty:
            now = monotonic()
            for number in [number for number, (_, until) in self.running.items() if until <= now]:
                self._end(number, ({}, TIMED_OUT))
            return
        if number in self.running:  # what was given up may still come in
            self._end(number, outcome)

    def _end(self, number: int, outcome: Outcome) -> None:
        group, _ = self.running.pop(number)
        found, otherwise = outcome
        left = [item for item in group if item.index not in found]
        if left and len(group) > 1 and self.resolver.separable:
            self.waiting.extend([item] for item in left)
            group = [item for item in group if item.index in found]
        self._settle(group, found, otherwise)

    def _settle(self, group: Group, found: Mapping[int, Found], otherwise: Found) -> None:
        for item in group:
            self.found[item.index] = found.get(item.index, otherwise)
