"""One end of a UDP flow: sends numbered datagrams on a fixed schedule, records what arrives.

    python flow.py BIND PORT PEER INTERVAL_US STATUS RESULT

STATUS is a file of two counters that others may read at any time (sent, received). On SIGTERM it
stops sending, listens 300 ms more, and writes RESULT: two counts, the times of sending (by
sequence number), then sequence number and time of arrival of everything received. Times are of
the monotonic clock, in nanoseconds, which all pods of one machine share.
"""

from __future__ import annotations

import array
import contextlib
import mmap
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

DATAGRAM = struct.Struct("!4sQ")
MAGIC = b"flow"
COUNTERS = struct.Struct("=QQ")
MAX_LAG = 50
"""Datagrams that a late sender catches up on; beyond, its schedule moves on (nothing is lost)."""
LINGER = 300_000_000


class End:
    """The socket, the schedule and the records."""

    def __init__(self, bind: str, port: int, peer: str, interval: int, status: Path) -> None:
        self.peer = (peer, port)
        self.interval = interval
        self.sent: array.array[int] = array.array("Q")
        self.received: array.array[int] = array.array("Q")
        self.stopping = False
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind((bind, port))
        self.sock.setblocking(False)
        status.write_bytes(bytes(COUNTERS.size))
        with status.open("r+b") as file:
            self.status = mmap.mmap(file.fileno(), COUNTERS.size)

    def run(self) -> None:
        """Send and receive until told to stop, then only receive for a while."""
        due = time.monotonic_ns()
        while not self.stopping:
            now = time.monotonic_ns()
            if now - due > MAX_LAG * self.interval:
                due = now
            if now >= due:
                self._send(now)
                due += self.interval
            self._wait(due)
        end = time.monotonic_ns() + LINGER
        while time.monotonic_ns() < end:
            self._wait(end)

    def _send(self, now: int) -> None:
        # A full queue or a missing route loses the datagram like any other fault.
        with contextlib.suppress(OSError):
            self.sock.sendto(DATAGRAM.pack(MAGIC, len(self.sent)), self.peer)
        self.sent.append(now)

    def _wait(self, until: int) -> None:
        left = max(0, until - time.monotonic_ns()) / 1e9
        if not select.select((self.sock,), (), (), left)[0]:
            return
        for _ in range(MAX_LAG):
            try:
                data = self.sock.recv(64)
            except OSError:
                break
            if len(data) == DATAGRAM.size and data.startswith(MAGIC):
                self.received.extend((DATAGRAM.unpack(data)[1], time.monotonic_ns()))
        self.status[:] = COUNTERS.pack(len(self.sent), len(self.received) // 2)

    def write(self, result: Path) -> None:
        """The records, whole or not at all."""
        counts = COUNTERS.pack(len(self.sent), len(self.received) // 2)
        draft = result.with_suffix(".draft")
        draft.write_bytes(counts + self.sent.tobytes() + self.received.tobytes())
        draft.replace(result)


def main() -> None:
    """Run one end."""
    bind, port, peer, interval, status, result = sys.argv[1:]
    end = End(bind, int(port), peer, int(interval) * 1000, Path(status))

    def stop(*_: object) -> None:
        end.stopping = True

    signal.signal(signal.SIGTERM, stop)
    end.run()
    end.write(Path(result))


if __name__ == "__main__":
    main()
