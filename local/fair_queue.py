"""Which message a standard queue hands out next, so that no group waits for another group's backlog.

Amazon SQS does this for standard queues whose messages carry a MessageGroupId ("fair queues"); ministack hands out
strictly by age. The rule here: the group with the fewest messages in flight goes first, then the one that was served
longest ago; within a group, the oldest message. Messages without a group form one group of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

Message = dict[str, Any]


class Turns:
    """When each group of one queue was last served."""

    def __init__(self) -> None:
        self._served: dict[str | None, int] = {}
        self._ticks = count(1)

    def pick(self, messages: Iterable[Message], wanted: int, now: float) -> list[Message]:
        """Return up to `wanted` receivable messages, fairest first, in one pass over the queue.

        A message is receivable once its `visible_at` is reached; it is in flight while it is not, after a receive.
        """
        waiting: dict[str | None, deque[Message]] = {}
        flying: dict[str | None, int] = {}
        for message in messages:
            group = message.get("group_id")
            if message["visible_at"] <= now:
                waiting.setdefault(group, deque()).append(message)
            elif message["receive_count"]:
                flying[group] = flying.get(group, 0) + 1
        # Groups that left the queue are forgotten, or they would pile up for as long as the emulator runs.
        self._served = {group: at for group, at in self._served.items() if group in waiting or group in flying}
        # The third entry keeps the comparison from ever reaching the group's name, which may be None.
        turns = [(flying.get(group, 0), self._served.get(group, 0), at, group) for at, group in enumerate(waiting)]
        heapify(turns)
        picked: list[Message] = []
        while turns and len(picked) < wanted:
            in_flight, _, at, group = heappop(turns)
            picked.append(waiting[group].popleft())
            self._served[group] = tick = next(self._ticks)
            if waiting[group]:
                heappush(turns, (in_flight + 1, tick, at, group))
        return picked
