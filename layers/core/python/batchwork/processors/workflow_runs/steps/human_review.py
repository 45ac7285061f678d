"""HUMAN_REVIEW: a person is to look at the run; it ends as NEEDS_REVIEW."""

from __future__ import annotations

from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.step import Done, StepType, Task, Work


class HumanReview(StepType):
    """Asks for a person. A reviewer's decision ends the run, so that only ends of branches may follow."""

    records = False
    configured = False

    def prepared(self, config: Json) -> Work:
        """Return what asks."""
        del config
        return _ask


def _ask(task: Task) -> Done:
    del task
    return Done(review=True)


STEP = HumanReview()
