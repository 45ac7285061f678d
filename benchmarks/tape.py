"""AWS's answers, recorded from moto in a first round and replayed in the measured ones.

They then spend no time in an emulator or on a network, and every byte that botocore builds and parses is a real one.
"""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSRequest, AWSResponse
from moto import mock_aws

from batchwork.adapters import aws
from benchmarks.meter import install
from local.table import definition

TABLE, BUCKET = "bench", "bench-blobs"
#: What tells two requests of one operation apart: the kinds of rows they are for, and which lookup or row of a dataset.
_KIND = re.compile(rb'"(WS|RATE|CLAIM|SEQ|AGENTS|DATASET|KEY|DATA|ACCOUNT|POST)#')
_PART = re.compile(rb'"((?:LOOKUP|ROW)#[^"]*)"')


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()


class Tape:
    """Records answers by what was asked for, then replays them."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, tuple[bytes, ...]], bytes] = {}
        self._asked = threading.local()

    def ask(self, request: AWSRequest, **_: Any) -> None:
        """Note what is asked for (botocore's before-send event)."""
        self._asked.name = _asked(request)

    def record(self, response_dict: dict[str, Any], **_: Any) -> None:
        """Keep an answer (botocore's response-received event)."""
        self._answers[self._asked.name] = response_dict["body"]

    def replay(self, request: AWSRequest, **_: Any) -> AWSResponse:
        """Answer instead of AWS (botocore's before-send event)."""
        headers: Any = {"content-type": "application/x-amz-json-1.0"}
        raw: Any = _Raw(self._answers[_asked(request)])
        return AWSResponse(str(request.url), 200, headers, raw)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what is asked of moto's table inside; clients made afterwards are answered from the tape.

        The environment of an AWS user is forgotten first.
        """
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench")  # noqa: S106 -- nothing listens
        os.environ["AWS_ACCOUNT_ID_ENDPOINT_MODE"] = "disabled"
        emitter = aws._session().get_component("event_emitter")  # noqa: SLF001 -- the adapters' one session
        with mock_aws():
            aws.client("dynamodb").create_table(**definition(TABLE))
            # A client copies the session's emitter when it is made: watch first, then load.
            emitter.register_first("before-send.*.*", self.ask)
            emitter.register("response-received.*.*", self.record)
            yield
            emitter.unregister("response-received.*.*", self.record)
            emitter.unregister("before-send.*.*", self.ask)
        install()
        emitter.register("before-send.*.*", self.replay)


def _asked(request: AWSRequest) -> tuple[str, tuple[bytes, ...]]:
    target: Any = request.headers["X-Amz-Target"]
    body: Any = request.body
    name = target.decode() if isinstance(target, bytes) else str(target)
    return name, (*sorted(set(_KIND.findall(body))), *_PART.findall(body)[:1])
