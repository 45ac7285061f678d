"""Which types of steps there are: the files of the folder `steps`, each imported when its type is first met."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from batchwork.processors.workflow_runs import steps
from batchwork.processors.workflow_runs.step import StepType


@cache
def step_types() -> tuple[str, ...]:
    """Return the names of all types, such as ``EXTRACT``."""
    found = (file.stem for folder in steps.__path__ for file in Path(folder).glob("*.py"))
    return tuple(sorted(name.upper() for name in found if name != "__init__"))


def step_type(name: str) -> StepType | None:
    """Return a type by its name, None where there is none."""
    return _loaded(name) if name in step_types() else None


@cache
def _loaded(name: str) -> StepType:
    found: StepType = importlib.import_module(f"{steps.__name__}.{name.lower()}").STEP
    return found
