"""One TCP stream as fast as it goes: ``stream.py serve ADDRESS PORT``, ``stream.py send …``."""

from __future__ import annotations

import socket
import sys
import time

BLOCK = 256 * 1024


def serve(address: str, port: int) -> None:
    """Take one connection; print the Mbit/s of all that came."""
    with socket.create_server((address, port)) as server:
        print("listening", flush=True)
        connection, _ = server.accept()
    buffer, total = bytearray(BLOCK), 0
    began = time.monotonic()
    with connection:
        while size := connection.recv_into(buffer):
            total += size
    print(total * 8 / (time.monotonic() - began) / 1e6, flush=True)


def send(address: str, port: int, seconds: float) -> None:
    """Send for a while."""
    block, ends = bytes(BLOCK), time.monotonic() + seconds
    with socket.create_connection((address, port)) as connection:
        while time.monotonic() < ends:
            connection.sendall(block)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
