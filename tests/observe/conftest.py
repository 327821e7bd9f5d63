"""Two namespaces with a wire between them: this test probes from one, the other one answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Self

import pytest

from submariner_core.observe.icmp import checksum
from submariner_core.observe.prober import Prober
from tests.conftest import Namespaces, netns_factory

__all__ = ["netns_factory"]

NEAR, FAR = IPv4Address("10.9.0.1"), IPv4Address("10.9.0.2")


@dataclass
class Wire:
    """The far end, whose kernel answers until something is done to it."""

    namespaces: Namespaces
    near: str
    far: str
    near_device: str
    far_device: str

    def mute(self) -> None:
        """Nobody answers any more, and nobody is told."""
        self.namespaces.run(self.far, "sysctl -qw net.ipv4.icmp_echo_ignore_all=1")

    def unmute(self) -> None:
        """The kernel answers again."""
        self.namespaces.run(self.far, "sysctl -qw net.ipv4.icmp_echo_ignore_all=0")

    def far_addresses(self, count: int) -> None:
        """Give the far end a whole range of addresses, from 10.9.1.0 on."""
        batch = "".join(
            f"addr add {IPv4Address(0x0A090100 + n)}/32 dev {self.far_device}\n"
            for n in range(count)
        )
        self.namespaces.run(self.far, "ip -batch -", stdin=batch)
        self.namespaces.run(self.near, f"ip route add 10.9.0.0/16 via {FAR}")

    def answer_oneself(self, answer: Answer) -> Answerer:
        """Let ``answer`` make the replies in place of the far kernel."""
        self.mute()
        with self.namespaces.entered(self.far):
            return Answerer(answer)


Reply = tuple[float, bytes]
"""In how many seconds, and what: an ICMP message without its checksum."""
Answer = Callable[[bytes], list[Reply]]


class Answerer:
    """Replies to echo requests from user space, so late or so wrong as a test wants."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._socket = socket.socket(
            socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP
        )
        self.requests = 0

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        packet, sender = self._socket.recvfrom(2048)
        message = packet[(packet[0] & 0xF) * 4 :]
        if message[0] != 8:
            return
        self.requests += 1
        for delay, reply in self._answer(message):
            asyncio.get_running_loop().call_later(delay, self._send, reply, sender)

    def _send(self, reply: bytes, sender: tuple[str, int]) -> None:
        if self._socket.fileno() >= 0:
            self._socket.sendto(sealed(reply), sender)


def echo(message: bytes) -> bytes:
    """The honest reply to an echo request."""
    return b"\0" + message[1:]


def sealed(message: bytes) -> bytes:
    """With its checksum."""
    blank = message[:2] + b"\0\0" + message[4:]
    return message[:2] + struct.pack("!H", checksum(blank)) + message[4:]


@pytest.fixture
def wire(netns_factory: Namespaces) -> Iterator[Wire]:
    """The test runs in the near namespace."""
    near, far = netns_factory.create("near"), netns_factory.create("far")
    near_device, far_device = netns_factory.link(near, far, f"{NEAR}/24", f"{FAR}/24")
    with netns_factory.entered(near):
        yield Wire(netns_factory, near, far, near_device, far_device)


@contextlib.asynccontextmanager
async def running(prober: Prober) -> AsyncIterator[asyncio.Task[None]]:
    """The prober at work, in this task."""
    task = asyncio.create_task(prober.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.005)
