"""Loads a function as Lambda's INIT does."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from types import ModuleType

FUNCTIONS = Path(__file__).parents[2] / "functions"
_loads = itertools.count(1)


def load_function(name: str) -> ModuleType:
    """Execute functions/<name>/handler.py afresh, as a module of its own; set its environment before."""
    spec = importlib.util.spec_from_file_location(f"loaded_{name}_{next(_loads)}", FUNCTIONS / name / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
