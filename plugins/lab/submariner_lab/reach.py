"""Who reaches whom, and as whom it is seen there."""

from __future__ import annotations

import asyncio
import enum
import json
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address

from submariner_lab import namespaces
from submariner_lab.errors import LabError


class Protocol(enum.StrEnum):
    """How a question is asked."""

    TCP = "tcp"
    UDP = "udp"


class Unreached(LabError):
    """No answer came."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer: the address that the server saw, and the server's name."""

    peer: IPv4Address
    server: str


async def ask(
    netns: str,
    address: IPv4Address,
    port: int,
    protocol: Protocol = Protocol.TCP,
    timeout: float = 3.0,
) -> Seen:
    """Ask an echo server from inside ``netns`` whom it sees. Raises :class:`Unreached`."""
    kind = socket.SOCK_STREAM if protocol is Protocol.TCP else socket.SOCK_DGRAM
    sock = namespaces.inside(netns, lambda: socket.socket(socket.AF_INET, kind))
    with sock:
        sock.setblocking(False)
        try:
            async with asyncio.timeout(timeout):
                line = await _question(sock, (str(address), port), protocol)
        except (OSError, TimeoutError) as error:
            reason = str(error) or f"no answer within {timeout:g} s"
            raise Unreached(f"{netns} -> {protocol} {address}:{port}: {reason}") from error
    answer = json.loads(line)
    return Seen(IPv4Address(answer["peer"]), answer["server"])


async def _question(sock: socket.socket, target: tuple[str, int], protocol: Protocol) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, target)
    if protocol is Protocol.TCP:
        line = b""
        while not line.endswith(b"\n"):
            data = await loop.sock_recv(sock, 4096)
            if not data:
                raise ConnectionError("closed before an answer came")
            line += data
        return line
    while True:
        await loop.sock_sendall(sock, b"?")
        try:
            async with asyncio.timeout(0.5):
                return (await loop.sock_recv(sock, 4096)).partition(b"\n")[0]
        except TimeoutError:
            continue
