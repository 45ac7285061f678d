"""Run the whole stack in the foreground until SIGTERM or SIGINT: ``make serve``, or ``python -m local.serve``."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import stack

START_SECONDS = 60
STOP_SECONDS = 5


class EmulatorEnded(Exception):
    """The emulator ended by itself."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running ministack."""

    process: subprocess.Popen[bytes]
    endpoint: str
    log: Path

    def check(self) -> None:
        """Raise EmulatorEnded when it is gone."""
        if self.process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
            raise EmulatorEnded(f"the emulator ended with status {self.process.returncode}; its last words:\n{tail}")

    def answers(self) -> bool:
        """Whether it is healthy."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2) as answer:  # noqa: S310 -- loopback, by http
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def emulator(directory: Path, port: int, host: str = "127.0.0.1", *, iam: bool = True) -> Iterator[Emulator]:
    """Run ministack in a process group and a TMPDIR of its own, and leave nothing of either behind.

    iam: whether it enforces the roles of the template, so that a missing permission shows on a laptop.
    """
    scratch = tempfile.mkdtemp(prefix="batchwork-")
    environment = stack.clean_environment() | {
        "BIND_HOST": host,
        "MINISTACK_HOST": host,
        "GATEWAY_PORT": str(port),
        "AUTH": "true" if iam else "false",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": scratch,
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }
    log = directory / "emulator.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.emulator"],
            cwd=stack.ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        started = Emulator(process, f"http://{host}:{port}", log)
        until = time.monotonic() + START_SECONDS
        while not started.answers():
            started.check()
            if time.monotonic() > until:
                raise EmulatorEnded(f"the emulator did not answer within {START_SECONDS} s; see {log}")
            time.sleep(0.05)
        yield started
    finally:
        _end_group(process)
        shutil.rmtree(scratch, ignore_errors=True)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all it started: busy Lambda workers outlive their parent's SIGTERM."""
    for sent, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait(STOP_SECONDS)


def serve(
    directory: Path, port: int, host: str, parameters: Mapping[str, str], *, iam: bool, stop: threading.Event
) -> None:
    """Start, deploy, seed, announce, and wait for `stop`."""
    with emulator(directory, port, host, iam=iam) as aws_here:
        stack.point_at(aws_here.endpoint)
        # Both build AWS clients, which read the environment that was set just now.
        from local.deploy import deploy
        from local.seed import seed

        outputs = deploy(aws_here.endpoint, changed=parameters)
        base_url = f"{aws_here.endpoint}/_aws/execute-api/{outputs['ApiId']}/live"
        seeded = seed(outputs["TableName"], outputs["BucketName"])
        stack.announce(
            {
                "base_url": base_url,
                **seeded,
                "pid": os.getpid(),
                "emulator_pid": aws_here.process.pid,
                "aws": {"endpoint_url": aws_here.endpoint, **stack.CREDENTIALS},
                "outputs": outputs,
            },
            directory,
        )
        try:
            print(
                f"Batchwork answers at {base_url}\nKeys and ids: {directory / 'stack.json'}\nCtrl-C stops it.",
                flush=True,
            )
            while not stop.wait(0.5):
                aws_here.check()
        finally:
            stack.withdraw(directory)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=stack.DIRECTORY, help="where stack.json and the log go")
    parser.add_argument(
        "--port", type=int, default=int(os.environ.get("PORT") or 0), help="default: $PORT or a free one"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--no-iam", action="store_true", help="take any credentials (for sam local)")
    parser.add_argument(
        "--parameter",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of template.yaml; may be given several times",
    )
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    if running := stack.running(options.directory):
        sys.exit(f"A stack runs already (process {running['pid']}, {running['base_url']}).")
    stop = threading.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: stop.set())
    try:
        port, parameters = options.port or free_port(), dict(options.parameter)
        serve(options.directory, port, options.host, parameters, iam=not options.no_iam, stop=stop)
    except EmulatorEnded as exc:
        sys.exit(str(exc))


if __name__ == "__main__":
    main()
