"""An OpenAI-compatible endpoint on loopback that answers as a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Returns (HTTP status, body) for the last message of a request; a body that is text is the answer of a completion.
Say = Callable[[str], tuple[int, str | dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Model:
    """A running endpoint. asked: the last message of every request, in the order of their arrival."""

    base_url: str
    asked: list[str] = field(default_factory=list)

    def provider(self, **settings: Any) -> dict[str, Any]:
        """Return the provider of an agent that asks this endpoint."""
        return {"type": "openai", "base_url": self.base_url, "model": "loopback", **settings}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: Workers that a test kills leave connections behind; many others come at once.
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that are gone."""


@contextmanager
def model(say: Say) -> Iterator[Model]:
    """Answer on a free port until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Answer a chat completion."""
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            message = asked["messages"][-1]["content"]
            running.asked.append(message)
            status, said = say(message)
            body = json.dumps(said if isinstance(said, dict) else _completion(said)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    running = Model(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, name="model", daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _completion(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
