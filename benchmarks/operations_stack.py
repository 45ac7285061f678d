"""A hundred operations over HTTP on the local stack: in order, side by side, and each call alone; on its own resources and
on an upstream that takes 50 ms. And the write units of a batch beside those of its calls made directly.

Seconds of one shared machine, the median of the rounds; the ratios were taken in the same run.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.domain.target import Target
from batchwork.domain.workspace import ApiKey, Workspace, digest_of
from benchmarks.functions import load
from benchmarks.meter import install, metered
from benchmarks.operations import OPERATIONS, QUEUE, batch, event, post, run, workspace_with_account
from benchmarks.tape import TABLE
from local.limits import client_of, lift
from local.process import stack_in
from local.stack import point_at
from local.table import definition

ROUNDS = 3
LATENCY = 0.05
#: Seconds of a parallel batch of creates; sequential time by parallel time against the upstream.
PARALLEL, FASTER = 2.0, 5.0
#: Write units of a batch beyond those of its calls made directly.
EXTRA = 0.15


@contextmanager
def upstream() -> Iterator[str]:
    """Serve an API that takes 50 ms for every call; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Answer 201 after a while."""
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(LATENCY)
            body = b'{"id":"up_1"}'
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/posts"
    finally:
        server.shutdown()
        server.server_close()


def call(stack: dict[str, Any], key: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST and return the answer."""
    request = urllib.request.Request(  # noqa: S310 -- loopback
        stack["base_url"] + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310 -- loopback
        found: dict[str, Any] = json.load(answer)
    return found


def seconds(stack: dict[str, Any], key: str, parallel: bool) -> float:
    """Return how long a batch of creates took."""
    operations = [{"id": f"op-{n}", "method": "POST", "path": "/v1/posts", "body": post(n)} for n in range(OPERATIONS)]
    began = time.perf_counter()
    answer = call(stack, key, "/v1/batch", {"operations": operations, "parallel": parallel})
    took = time.perf_counter() - began
    assert answer["summary"]["succeeded"] == OPERATIONS, answer["summary"]
    return took


def one_by_one(stack: dict[str, Any], key: str) -> float:
    """Return how long the same creates took as calls of their own, one after the other."""
    began = time.perf_counter()
    for number in range(OPERATIONS):
        call(stack, key, "/v1/posts", post(number))
    return time.perf_counter() - began


def tenant_with_target(stack: dict[str, Any], url: str) -> str:
    """Make a workspace whose posts are an upstream's; return its key."""
    identities = DynamoIdentities(stack["outputs"]["TableName"], client_of(stack, "dynamodb"))
    name, at = f"bench{uuid.uuid4().hex[:8]}", datetime.now(UTC)
    workspace = Workspace(
        id=name, name=name, plan="enterprise", created_at=at, number=900_000, targets={"/v1/posts": Target(url)}
    )
    identities.put_workspace(workspace)
    key = ApiKey(
        id=name, workspace_id=name, name=name, digest=digest_of("secret"), scopes=frozenset({"*"}), created_at=at
    )
    identities.put_key(key)
    return f"{key.public}.secret"


def writes(stack: dict[str, Any]) -> float:
    """Print the write units' table; return those of a batch as a multiple of those of its calls made directly.

    The real functions run in this process against the emulator's DynamoDB, whose reckoning of units it is.
    """
    point_at(stack["aws"]["endpoint_url"])
    install()
    aws.client("dynamodb").create_table(**definition(TABLE))
    key = workspace_with_account(TABLE)
    names = {"TABLE_NAME": TABLE, "BUCKET_NAME": stack["outputs"]["BucketName"], "OPERATIONS_QUEUE_URL": QUEUE}
    together, alone = (load(name, **names) for name in ("operations_batch", "operations_resources"))
    one = run(together, batch(key, parallel=False))
    with metered() as direct:
        for number in range(OPERATIONS):
            answer = alone.handler(event(key, "/v1/posts", post(number)), None)
            assert answer["statusCode"] == 201, answer
    ratio = one.write_units / direct.write_units
    print(f"Write units of {OPERATIONS} creates (emulator figures)")
    print(f"  in one batch {one.write_units:.0f}, as direct calls {direct.write_units:.0f}: {ratio:.2f} times as many")
    print(f"  (budget: {1 + EXTRA:.2f})")
    return ratio


def main() -> None:
    """Print the table; ends with an error when a budget is missed."""
    with tempfile.TemporaryDirectory() as scratch, stack_in(Path(scratch)) as stack, upstream() as url:
        lift(stack)
        own, fronted = stack["api_keys"]["enterprise"], tenant_with_target(stack, url)
        for key in (own, fronted):
            seconds(stack, key, parallel=True)  # warm
        found: dict[str, float] = {}
        print(f"{OPERATIONS} creates over HTTP on the local stack, seconds, median of {ROUNDS}")
        for what, key in (("own posts", own), ("upstream of 50 ms", fronted)):
            for mode in (True, False):
                found[f"{what} {mode}"] = statistics.median(seconds(stack, key, mode) for _ in range(ROUNDS))
            found[f"{what} alone"] = one_by_one(stack, key)
            parallel, sequential = found[f"{what} True"], found[f"{what} False"]
            print(
                f"  {what:18s} parallel {parallel:.2f}, sequential {sequential:.2f} ({sequential / parallel:.1f} times),"
                f" each call alone {found[f'{what} alone']:.2f}"
            )
        ratio = found["upstream of 50 ms False"] / found["upstream of 50 ms True"]
        print(f"  (budget: own posts in parallel {PARALLEL} s; upstream {FASTER} times as fast in parallel)")
        units = writes(stack)
    if found["own posts True"] > PARALLEL or ratio < FASTER or units > 1 + EXTRA:
        sys.exit("a budget is missed")


if __name__ == "__main__":
    main()
