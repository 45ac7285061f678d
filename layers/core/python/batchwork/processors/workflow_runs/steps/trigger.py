"""TRIGGER: where a run's file comes in."""

from __future__ import annotations

from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.step import Done, StepType, Task, Work


class Trigger(StepType):
    """Does nothing; every workflow begins with it."""

    records = False
    configured = False

    def prepared(self, config: Json) -> Work:
        """Return what lets the file pass."""
        del config
        return _pass


def _pass(task: Task) -> Done:
    del task
    return Done()


STEP = Trigger()
