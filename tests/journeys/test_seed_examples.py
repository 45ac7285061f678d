"""The seed document's own examples, to the letter but for base URL, key and agent.

The stored copy of the document lost the indentation of its Python; that was put back.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SEED = Path(__file__).parent / "seed"


def example(name: str, stack: dict[str, Any]) -> str:
    text = (SEED / name).read_text()
    for old, new in {
        "https://api.codeer.ai": stack["base_url"],
        "your-api-key": stack["api_keys"]["pro"],
        "your-agent-id": stack["agent_id"],
    }.items():
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_seeds_python_example_runs_as_it_is(stack: dict[str, Any]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example("example.py.txt", stack)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Created batch: ")
    assert "Batch status: completed" in lines
    assert [line for line in lines if line.startswith("req-")] == [f"req-{n}: success" for n in range(10)]
    assert sum(line.startswith(" Response: ") for line in lines) == 10


@pytest.mark.skipif(
    shutil.which("node") is None, reason="the JavaScript example needs node, which make does not install"
)
def test_the_seeds_javascript_example_runs_as_it_is(stack: dict[str, Any], tmp_path: Path) -> None:
    script = tmp_path / "example.mjs"
    script.write_text(example("example.mjs.txt", stack))
    done = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "Batch status: completed" in lines
    assert [line for line in lines if line.startswith("req-")] == [f"req-{n}: success" for n in range(10)]
