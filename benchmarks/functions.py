"""Loads functions in this process, as Lambda's INIT does."""

from __future__ import annotations

import importlib.util
import logging
import os
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def load(name: str, **environment: str) -> ModuleType:
    """Execute functions/<name>/handler.py with these variables set; its log lines below ERROR are dropped."""
    os.environ.update(environment, POWERTOOLS_LOG_LEVEL="ERROR")
    spec = importlib.util.spec_from_file_location(f"bench_{name}", ROOT / "functions" / name / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    logging.getLogger("botocore").setLevel(logging.ERROR)
    return module
