"""A program in the wan: holds every frame that is sent to a TAP for a while, and gives it back.

    python -I hold.py DEVICE SECONDS

What it gives back enters the bridge that the TAP is a port of. On SIGTERM it gives back at once
what it holds. Needs no kernel module but tun.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import sys
import time
from collections import deque

IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
TUNSETIFF = 0x400454CA
LARGEST = 65536


def attach(device: str) -> int:
    """A file descriptor of a TAP that is there."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    flags = struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI)
    fcntl.ioctl(tap, TUNSETIFF, flags)
    return tap


def give_back(tap: int, frame: bytes) -> None:
    """One that finds no room is lost, as on any wire."""
    try:
        os.write(tap, frame)
    except OSError:
        return


def run(tap: int, delay: float) -> None:
    """Hold and give back until SIGTERM."""
    held: deque[tuple[float, bytes]] = deque()
    try:
        while True:
            wait = max(0.0, held[0][0] - time.monotonic()) if held else None
            if select.select([tap], [], [], wait)[0]:
                held.append((time.monotonic() + delay, os.read(tap, LARGEST)))
            while held and held[0][0] <= time.monotonic():
                give_back(tap, held.popleft()[1])
    finally:
        for _, frame in held:
            give_back(tap, frame)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    run(attach(sys.argv[1]), float(sys.argv[2]))
