"""COLLECT: what was cut comes together; after it the run's own file goes on, once."""

from __future__ import annotations

from batchwork.processors.workflow_runs.steps.trigger import Trigger


class Collect(Trigger):
    """Does nothing by itself: the walk knows it (`walk.py`). What steps left at parts is then an array, part by part."""


STEP = Collect()
