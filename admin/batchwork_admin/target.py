"""Which deployment a command works on: named tables, a CloudFormation stack, or the local stack."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchwork.adapters import aws

LOCAL = Path(".local/stack.json")


class NoTargetError(Exception):
    """The options name no deployment, or one that is not there; the message says which."""


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment's table and bucket."""

    table: str
    bucket: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a deployment."""
    group = parser.add_argument_group("deployment", "one of --local, --stack, or --table with --bucket")
    group.add_argument("--local", action="store_true", help="the stack that `make serve` started here")
    group.add_argument("--stack", metavar="NAME", help="a CloudFormation stack, by its outputs")
    group.add_argument("--table", metavar="NAME", help="the DynamoDB table")
    group.add_argument("--bucket", metavar="NAME", help="the S3 bucket")
    group.add_argument("--endpoint-url", metavar="URL", help="where AWS answers, for emulators")
    group.add_argument("--region", metavar="NAME", help="AWS region; default: that of your AWS profile")


def find(options: argparse.Namespace) -> Target:
    """Return the deployment that the options name, and point every AWS client of this process at it.

    Raises NoTargetError.
    """
    if options.local:
        if options.stack or options.table or options.endpoint_url:
            raise NoTargetError("--local goes with no other option that names a deployment")
        return _local(LOCAL)
    if options.endpoint_url:
        os.environ["AWS_ENDPOINT_URL"] = options.endpoint_url
    if options.region:
        os.environ["AWS_DEFAULT_REGION"] = options.region
    if options.stack and not options.table:
        return _of(_outputs(options.stack), f"stack {options.stack}")
    if options.table and options.bucket and not options.stack:
        return Target(options.table, options.bucket)
    raise NoTargetError("name a deployment: --local, --stack NAME, or --table NAME with --bucket NAME")


def _local(path: Path) -> Target:
    try:
        stack: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        here, outputs = dict(stack["aws"]), stack["outputs"]
        endpoint = here.pop("endpoint_url")
    except FileNotFoundError as exc:
        raise NoTargetError(f"there is no {path}: start the local stack with `make serve`") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise NoTargetError(f"{path} is not what `make serve` writes: start the local stack again") from exc
    # A profile of the operator's must not reach the emulator, nor the command the operator's account.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_ENDPOINT_URL"] = endpoint
    os.environ.update(here)
    return _of(outputs, str(path))


def _outputs(stack: str) -> dict[str, str]:
    described = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _of(outputs: dict[str, str], source: str) -> Target:
    try:
        return Target(outputs["TableName"], outputs["BucketName"])
    except KeyError as exc:
        raise NoTargetError(f"{source} has no output {exc}: it is no deployment of Batchwork") from exc
