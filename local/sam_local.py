"""Invoke every function in a container, as AWS built and packed it, and check what it answers: ``make sam-local``.

Functions come from .aws-sam/build (``sam build``), events from events/, storage from the emulator on this machine.
``sam local invoke`` exits 0 when a handler raises, so the answers themselves are read.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local import stack
from local.serve import emulator, free_port

SAM = stack.ROOT / ".sam" / "bin" / "sam"
BUILT = stack.ROOT / ".aws-sam" / "build" / "template.yaml"
#: Where containers see this machine: Docker's bridge on Linux. Docker Desktop takes --host host.docker.internal.
BRIDGE = "172.17.0.1"
INVOKE_SECONDS = 300
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def invoke(function: str, settings: Path, options: list[str]) -> tuple[Any, str]:
    """Return a function's answer to its event, and what it and sam wrote to the error stream."""
    logical = "".join(word.capitalize() for word in function.split("_")) + "Function"
    event = stack.ROOT / "events" / f"{function}.json"
    command = [str(SAM), "local", "invoke", logical, "--template", str(BUILT), "--event", str(event)]
    # The built template keeps the parameter, and containers of another processor than this machine's run nowhere.
    command += ["--parameter-overrides", f"Architecture={ARCHITECTURE}"]
    environment = stack.clean_environment() | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [*command, "--env-vars", str(settings), *options],
        cwd=stack.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=INVOKE_SECONDS,
        check=False,
    )
    try:
        return json.loads(done.stdout), done.stderr
    except json.JSONDecodeError:
        return None, f"{done.stdout}\n{done.stderr}"


def right(check: Callable[[Any], bool], answer: Any) -> bool:
    """Whether an answer passes its check; one of another shape does not."""
    try:
        return check(answer)
    except (KeyError, TypeError, IndexError, ValueError):
        return False


def run(listen: str, host: str, directory: Path, options: list[str]) -> int:
    """Invoke all and print a line for each. Returns the number of wrong answers."""
    with emulator(directory, free_port(), listen, iam=False) as aws_here:
        stack.point_at(aws_here.endpoint)
        # All build AWS clients, which read the environment that was set just now.
        from local import samples
        from local.deploy import deploy

        outputs = deploy(aws_here.endpoint, storage_only=True)
        samples.seed(
            outputs["TableName"],
            outputs["BucketName"],
            outputs["WorkQueueUrl"],
            outputs["OperationsQueueUrl"],
            outputs["RunsQueueUrl"],
        )
        seen_from_containers = aws_here.endpoint.replace(listen, host)
        settings = directory / "environment.json"
        settings.write_text(json.dumps({"Parameters": _environment(outputs, aws_here.endpoint, seen_from_containers)}))
        checks = samples.checks(outputs["TableName"])
        wrong = 0
        print(f"{'function':<20} {'answer':<6} {'seconds':>7}  what it answered")
        for function in samples.FUNCTIONS:
            started = time.monotonic()
            answer, noise = invoke(function, settings, options)
            good = right(checks[function], answer)
            told = json.dumps(answer)
            took = time.monotonic() - started
            print(f"{function:<20} {'right' if good else 'WRONG':<6} {took:>7.1f}  {told[:110]}", flush=True)
            if not good:
                wrong += 1
                print("\n".join(noise.strip().splitlines()[-25:]), file=sys.stderr)
    print(f"{len(samples.FUNCTIONS) - wrong} of {len(samples.FUNCTIONS)} functions answered right")
    return wrong


def _environment(outputs: dict[str, str], here: str, there: str) -> dict[str, str]:
    queues = {
        "WORK_QUEUE_URL": outputs["WorkQueueUrl"].replace(here, there),
        "OPERATIONS_QUEUE_URL": outputs["OperationsQueueUrl"].replace(here, there),
        "RUNS_QUEUE_URL": outputs["RunsQueueUrl"].replace(here, there),
        "DELIVERY_QUEUE_URL": outputs["DeliveryQueueUrl"].replace(here, there),
    }
    return {
        "TABLE_NAME": outputs["TableName"],
        "BUCKET_NAME": outputs["BucketName"],
        **queues,
        "ALLOW_LOOPBACK_EGRESS": "true",
        "AWS_ENDPOINT_URL": there,
    }


def main() -> None:
    """Read the command line and run."""
    on_linux = sys.platform == "linux"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default=BRIDGE if on_linux else "127.0.0.1", help="address the emulator listens on")
    parser.add_argument(
        "--host", default=BRIDGE if on_linux else "host.docker.internal", help="what containers call it"
    )
    options, for_sam = parser.parse_known_args()
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        sys.exit("Docker does not answer. On a machine without it, see CONTRIBUTING.md on sam-local's wrapper.")
    if not BUILT.exists():
        sys.exit("There is nothing built; run make build first.")
    os.environ.pop("PORT", None)
    with tempfile.TemporaryDirectory(prefix="batchwork-sam-") as directory:
        sys.exit(1 if run(options.listen, options.host, Path(directory), for_sam) else 0)


if __name__ == "__main__":
    main()
