"""Print every benchmark's table; ends with an error when one misses its budget."""

from __future__ import annotations

import subprocess
import sys

TABLES = ("accept", "lookups", "operations", "capacity", "runs", "modules", "stack", "operations_stack", "runs_stack")


def main() -> None:
    """Run each in a process of its own: clients, caches and patches of one must not help another."""
    missed = []
    for table in TABLES:
        if subprocess.run([sys.executable, "-m", f"benchmarks.{table}"], check=False).returncode:
            missed.append(table)
        print(flush=True)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
