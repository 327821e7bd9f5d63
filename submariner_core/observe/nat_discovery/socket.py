"""The UDP socket of NAT discovery: requests go out and answers come back on one and the same.

So a request's source port is the advertised one, unless somebody translates it. An answer leaves
from the address that was asked, on nodes with several.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from submariner_core.observe.nat_discovery.wire import LARGEST
from submariner_core.reconcile.nat_messages import Place

_IP_PKTINFO = 8
"""Not in Python's ``socket`` before 3.12."""
_PKTINFO = struct.Struct("i4s4s")
_BATCH = 64
"""Datagrams read in one go: the event loop has other things to do, whoever floods us."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """What arrived, from where, at which of our addresses (``None``: the kernel did not say)."""

    data: bytes
    source: Place
    at: IPv4Address | None


class DiscoverySocket:
    """Bound to ``port`` on all addresses; never blocks. Raises ``OSError`` if that cannot be."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            self._socket.bind(("0.0.0.0", port))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """For an event loop's reader."""
        return self._socket.fileno()

    def send(self, data: bytes, to: Place, at: IPv4Address | None = None) -> None:
        """Send a datagram, from our address ``at``. Raises ``OSError`` when there is no way to."""
        control = []
        if at is not None:
            info = _PKTINFO.pack(0, at.packed, b"\0\0\0\0")
            control.append((socket.IPPROTO_IP, _IP_PKTINFO, info))
        self._socket.sendmsg([data], control, 0, (to.address, to.port))

    def receive(self) -> Iterator[Datagram]:
        """What waits, at most a batch of it. An empty datagram is one like any other."""
        for _ in range(_BATCH):
            try:
                data, control, _flags, (address, port) = self._socket.recvmsg(
                    LARGEST, socket.CMSG_SPACE(_PKTINFO.size)
                )
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error that an earlier datagram of ours caused
            yield Datagram(data, Place(address, port), _addressed(control))

    def close(self) -> None:
        """Close the socket; may be called twice."""
        self._socket.close()


def _addressed(control: list[tuple[int, int, bytes]]) -> IPv4Address | None:
    for level, kind, data in control:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            _index, local, _destination = _PKTINFO.unpack_from(data)
            return IPv4Address(local)
    return None


def source_towards(address: str) -> str:
    """The address that the kernel would send from; empty when there is no way there."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        probe.connect((address, 9))  # nothing is sent
        return str(probe.getsockname()[0])
    return ""
