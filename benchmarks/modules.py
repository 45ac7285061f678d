"""What each function imports at INIT, beside a handler that imports everything there is to import."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: The naive handler: every Powertools feature it may want, boto3's resources, pydantic.
NAIVE = """
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.utilities.batch import BatchProcessor
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from aws_lambda_powertools.utilities.parser import parse
import boto3, pydantic
boto3.resource("dynamodb"); boto3.client("sqs"); boto3.client("s3")
"""
PROGRAM = """
import sys, time
sys.path[:0] = {paths!r}
began = time.process_time()
{code}
print(len(sys.modules), round((time.process_time() - began) * 1000))
"""
ENVIRONMENT = {
    "TABLE_NAME": "t",
    "BUCKET_NAME": "b",
    "WORK_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/0/w",
    "OPERATIONS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/0/o",
    "RUNS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/0/r",
    "DELIVERY_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/0/d",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
}


def measure(code: str, *paths: str) -> tuple[int, float]:
    """Return (modules imported, least CPU milliseconds of five fresh interpreters)."""
    found = []
    for _ in range(5):
        wheels = sysconfig.get_paths()["purelib"]
        program = PROGRAM.format(paths=[*paths, wheels], code=code)
        command = [sys.executable, "-I", "-S", "-c", program]
        out = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout.split()
        found.append((int(out[0]), float(out[1])))
    return found[0][0], min(cpu for _, cpu in found)


def main() -> None:
    """Print the table."""
    naive, naive_cpu = measure(NAIVE)
    print("INIT of each function: modules in the interpreter afterwards, CPU (least of 5)")
    print(f"  {'naive handler':16s} {naive:5d} {naive_cpu:6.0f} ms")
    for folder in sorted((ROOT / "functions").iterdir()):
        if not (folder / "handler.py").exists():
            continue
        modules, cpu = measure("import handler", str(folder), str(ROOT / "layers/core/python"))
        print(f"  {folder.name:16s} {modules:5d} {cpu:6.0f} ms   {cpu / naive_cpu:4.2f} of naive")
    print("  (budget: 400 for queue, stream and schedule, 450 for HTTP)")


if __name__ == "__main__":
    main()
