"""One deadline for everything that happens on a socket: its own timeouts start again with every byte that drips in."""

from __future__ import annotations

import io
import socket
import time
from datetime import timedelta
from typing import Any

#: Bytes sent under one look at the clock: one TLS record.
_PIECE = 16_384


class Deadline:
    """A point in time that every step of a request shares."""

    def __init__(self, timeout: timedelta) -> None:
        self._timeout = timeout
        self._end = time.monotonic() + timeout.total_seconds()

    def left(self) -> float:
        """Return the seconds left; raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> TimeoutError:
        """Return the error of a deadline that passed."""
        return TimeoutError(f"timeout after {self._timeout.total_seconds():g} s")


class _Reader(io.RawIOBase):
    """What http.client reads from: each read gets what is left of the deadline, not a timeout of its own."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


class Channel:
    """The part of a socket that http.client uses, under a deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send everything before the deadline."""
        for start in range(0, len(data), _PIECE):
            self._sock.settimeout(self._deadline.left())
            self._sock.sendall(data[start : start + _PIECE])

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what an answer is read from."""
        return io.BufferedReader(_Reader(self._sock, self._deadline))

    def close(self) -> None:
        """Leave the socket open: http.client calls this before the body of a closing answer is read."""
