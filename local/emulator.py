"""ministack, with the fair standard queues and the action names of Amazon SQS. Run as ``python -m local.emulator`` by local.serve only.

Its standard input is a pipe that its starter holds: when that closes, the starter is gone (even by SIGKILL) and the
whole process group, busy Lambda workers included, ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
import uuid
from collections import defaultdict
from typing import Any

from local.fair_queue import Message, Turns


def make_queues_fair() -> None:
    """Replace the receive of ministack's standard queues; FIFO queues keep theirs."""
    from ministack.services import sqs

    first_come = sqs._collect_msgs  # noqa: SLF001 -- the one place where ministack chooses
    turns: defaultdict[str, Turns] = defaultdict(Turns)

    def fair(queue: dict[str, Any], wanted: int, visibility: int) -> list[Message]:
        if queue["is_fifo"]:
            received: list[Message] = first_come(queue, wanted, visibility)
            return received
        now = time.time()
        for message in queue["messages"]:
            if "visible_at" not in message or "group_id" not in message:
                sqs._ensure_msg_fields(message)  # noqa: SLF001 -- what ministack's own receive does first
        picked = turns[queue["attributes"]["QueueArn"]].pick(queue["messages"], wanted, now)
        for message in picked:
            sqs._ensure_msg_fields(message)  # noqa: SLF001 -- the same
            message["receipt_handle"] = str(uuid.uuid4())
            message["visible_at"] = now + visibility
            message["receive_count"] += 1
            message["first_receive_at"] = message["first_receive_at"] or now
        return picked

    sqs._collect_msgs = fair  # noqa: SLF001 -- see above


def authorize_queue_batches_as_iam_does() -> None:
    """Let ministack check sqs:SendMessage for a SendMessageBatch: IAM has no action of the batch calls' own."""
    from ministack.core import iam_actions

    named = iam_actions._action_from_target  # noqa: SLF001 -- the one place where ministack names a JSON call's action

    def action(headers: dict[str, str]) -> str | None:
        name: str | None = named(headers)
        is_queue_batch = name and headers.get("x-amz-target", "").startswith("AmazonSQS.") and name.endswith("Batch")
        return name.removesuffix("Batch") if name and is_queue_batch else name

    iam_actions._action_from_target = action  # noqa: SLF001 -- see above


#: Processes that one function may have: more only make each other wait for a laptop's few cores while they start.
WORKERS = 8


def let_invocations_wait_for_a_worker() -> None:
    """Let a burst wait for its function's few processes; ministack would start one for each request at once.

    No function of ours invokes itself, which is what ministack fears of waiting.
    """
    from ministack.services import lambda_svc

    acquire = lambda_svc.acquire_worker

    def patient(name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST") -> tuple[Any, str]:
        while True:
            worker, reason = acquire(name, config, code, qualifier=qualifier, max_concurrency=WORKERS)
            if worker is not None or reason != "func_cap":
                return worker, reason
            time.sleep(0.005)

    lambda_svc.acquire_worker = patient


def _end_with_starter() -> None:
    # Not through sys.stdin, whose lock the interpreter needs to shut down.
    while os.read(0, 1):
        pass
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve until told to stop."""
    threading.Thread(target=_end_with_starter, name="starter-watch", daemon=True).start()
    make_queues_fair()
    authorize_queue_batches_as_iam_does()
    let_invocations_wait_for_a_worker()
    from ministack.app import main as serve

    sys.argv = ["ministack"]
    serve()


if __name__ == "__main__":
    main()
