from __future__ import annotations

import pytest
from resource_world import World


@pytest.fixture
def world() -> World:
    return World()
