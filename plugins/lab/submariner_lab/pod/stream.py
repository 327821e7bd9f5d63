"""A TCP stream to an echo server: a small record each 10 ms, each expected back.

    python stream.py ADDRESS PORT RESULT

On SIGTERM, or when the connection ends, writes RESULT (JSON): ``sent`` and ``echoed`` records,
``stall`` (the longest silence of the echo in seconds), ``silence`` (the one at the end), ``error``
(what ended the connection, or null), ``ended`` (when, in ns of the monotonic clock), ``peer`` (our
address as the server saw it), ``server`` (its name). RESULT.status holds the number of echoed
records at any time.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

COUNTER = struct.Struct("=Q")
RECORD = 16
INTERVAL = 0.01
CONNECT_TIMEOUT = 5.0


class Stream:
    """One connection and what became of it."""

    def __init__(self, status: Path) -> None:
        self.stopping = False
        status.write_bytes(bytes(COUNTER.size))
        with status.open("r+b") as file:
            self.status = mmap.mmap(file.fileno(), COUNTER.size)
        self.sent = 0
        self.echoed_bytes = 0
        self.stall = 0.0
        self.silence = 0.0
        self.ended = 0
        self.error: str | None = None
        self.greeting: dict[str, Any] = {}

    def run(self, address: str, port: int) -> None:
        """Until told to stop or the connection ends."""
        try:
            with socket.create_connection((address, port), CONNECT_TIMEOUT) as sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._greet(sock)
                sock.setblocking(False)
                self._exchange(sock)
        except OSError as error:
            self.error = str(error)
        self.ended = time.monotonic_ns()

    def _greet(self, sock: socket.socket) -> None:
        line = b""
        while not line.endswith(b"\n"):
            byte = sock.recv(1)
            if not byte:
                raise ConnectionError("closed by the server before it greeted")
            line += byte
        self.greeting = json.loads(line)

    def _exchange(self, sock: socket.socket) -> None:
        due = last = time.monotonic()
        while not self.stopping:
            now = time.monotonic()
            if now >= due:
                due = max(due + INTERVAL, now)
                with contextlib.suppress(BlockingIOError):
                    self.sent += sock.send(b"." * RECORD) // RECORD
            if select.select((sock,), (), (), max(0.0, due - time.monotonic()))[0]:
                data = sock.recv(65536)
                if not data:
                    raise ConnectionError("closed by the server")
                self.echoed_bytes += len(data)
                self.status[:] = COUNTER.pack(self.echoed_bytes // RECORD)
                now = time.monotonic()
                self.stall, last = max(self.stall, now - last), now
        self.silence = time.monotonic() - last
        self.stall = max(self.stall, self.silence)

    def write(self, result: Path) -> None:
        """The outcome."""
        outcome = {
            "sent": self.sent,
            "echoed": self.echoed_bytes // RECORD,
            "stall": self.stall,
            "silence": self.silence,
            "ended": self.ended,
            "error": self.error,
            "peer": self.greeting.get("peer"),
            "server": self.greeting.get("server"),
        }
        draft = result.with_suffix(".draft")
        draft.write_text(json.dumps(outcome))
        draft.replace(result)


def main() -> None:
    """Run one stream."""
    stream = Stream(Path(f"{sys.argv[3]}.status"))

    def stop(*_: object) -> None:
        stream.stopping = True

    signal.signal(signal.SIGTERM, stop)
    stream.run(sys.argv[1], int(sys.argv[2]))
    stream.write(Path(sys.argv[3]))


if __name__ == "__main__":
    main()
