"""One local stack for all journeys, started as `make serve` starts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.limits import lift
from local.process import stack_in

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the journeys in one process of pytest-xdist (``--dist loadgroup``): a stack is too heavy to have twice."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("stack"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What stack.json of a running stack holds: base_url, api_keys, agent_id, unpublished_agent_id, aws, outputs.

    With `directory`, where the stack's own logs are. Its keys may call more often than their plans say: the journeys
    that are about limits make workspaces of their own.
    """
    directory = tmp_path_factory.mktemp("stack")
    with stack_in(directory) as running:
        lift(running)
        yield {**running, "directory": str(directory)}
