"""Every family doing its real job on this machine: ``make demo``. Exits 0 only when all of it was right."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack

import requests

from local import stack
from local.demo_checks import DemoFailed
from local.demo_lookups import lookups
from local.demo_messages import messages
from local.demo_operations import operations
from local.demo_runs import runs
from local.process import stack_in


def main() -> None:
    """Use the stack that runs here, or start one for as long as this takes."""
    started = time.monotonic()
    try:
        with ExitStack() as until_done:
            running = stack.running()
            if running is None:
                print("Starting the stack ...", flush=True)
                running = until_done.enter_context(stack_in(stack.DIRECTORY))
            print(f"The stack answers at {running['base_url']} ({time.monotonic() - started:.1f} s)")
            messages(running)
            lookups(running)
            operations(running)
            runs(running)
    except (DemoFailed, RuntimeError, requests.RequestException) as exc:
        sys.exit(f"\nThe demo failed: {exc}")
    print(f"\nAll as documented, in {time.monotonic() - started:.1f} s. `make serve` keeps a stack running.")


if __name__ == "__main__":
    main()
