"""Real receivers on this machine's loopback, for what only a real socket can show."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fakes.egress import Sent

#: Returns (status, headers, body).
Reaction = Callable[[Sent], tuple[int, dict[str, str], bytes]]


class Receiver:
    """Keeps every request and answers as it is told."""

    def __init__(self, reaction: Reaction) -> None:
        self.reaction = reaction
        self.seen: list[Sent] = []
        self.url = ""


def _always_ok(_: Sent) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b"ok"


@contextmanager
def a_receiver(
    reaction: Reaction = _always_ok, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[Receiver]:
    receiver = Receiver(reaction)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers_in = {k.lower(): v for k, v in self.headers.items()}
            sent = Sent(f"{receiver.url}{self.path}", body, headers_in, self.command)
            receiver.seen.append(sent)
            status, headers, answer = receiver.reaction(sent)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            try:
                self.wfile.write(answer)
            except OSError:  # the sender had read enough
                self.close_connection = True

        do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 -- the names that the server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name it is given there
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    with Server((host, 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.url = f"{'https' if tls else 'http'}://{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def a_raw_receiver(behaviour: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Run `behaviour` on each connection; the event is set when the test is over. Yields the URL."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def serve(connection: socket.socket) -> None:
            with connection:
                try:
                    behaviour(connection, over)
                except OSError:  # the sender hung up
                    return

        def accept() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                connection.settimeout(5)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/hook"
        finally:
            over.set()
            thread.join()
