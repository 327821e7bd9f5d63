"""One ICMP echo socket for all probes of a process, which also hears others' requests.

Raw, because an unprivileged ping socket needs a sysctl that is off in new network namespaces. The
kernel drops everything but echo, stamps each packet with its time of arrival, and the payload
carries a secret of this process, so that nobody's stray reply is taken for ours. A request that a
peer sends us proves that its direction works.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

_ECHO_REPLY, _ECHO_REQUEST = 0, 8
_SOL_RAW, _ICMP_FILTER = 255, 1
_SO_TIMESTAMPNS = 35
_IP_PKTINFO = 8
"""Not in Python's ``socket`` before 3.12."""
_HEADER = struct.Struct("!BBHHH")
_PAYLOAD = struct.Struct("!8sIQd")
_TIMESPEC = struct.Struct("qq")
_PKTINFO = struct.Struct("i4s4s")
_BATCH = 256


@dataclass(frozen=True, slots=True)
class EchoReply:
    """A reply to a probe: whose, which, when that was sent, and when the kernel got this.

    Times are in seconds of the boot clock.
    """

    source: IPv4Address
    key: int
    sequence: int
    sent: float
    received: float


@dataclass(frozen=True, slots=True)
class EchoRequest:
    """A peer probes us: its packets arrive."""

    source: IPv4Address
    received: float


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of ``data``."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class EchoSocket:
    """Sends echo requests from any local address and yields their replies; never blocks.

    Raises ``PermissionError`` at construction without CAP_NET_RAW.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(8)
        self._ident = os.getpid() & 0xFFFF
        self._socket = socket.socket(
            socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP
        )
        self._socket.setsockopt(
            _SOL_RAW,
            _ICMP_FILTER,
            struct.pack("I", ~(1 << _ECHO_REPLY | 1 << _ECHO_REQUEST) & 0xFFFFFFFF),
        )
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def fileno(self) -> int:
        """For an event loop's reader."""
        return self._socket.fileno()

    def send(
        self,
        destination: IPv4Address,
        source: IPv4Address | None,
        key: int,
        sequence: int,
        now: float,
    ) -> None:
        """Send one request, stamped ``now``. Raises ``OSError`` when there is no way to."""
        payload = _PAYLOAD.pack(self._secret, key, sequence, now)
        header = _HEADER.pack(_ECHO_REQUEST, 0, 0, self._ident, sequence & 0xFFFF)
        header = _HEADER.pack(
            _ECHO_REQUEST, 0, checksum(header + payload), self._ident, sequence & 0xFFFF
        )
        control = []
        if source is not None:
            info = _PKTINFO.pack(0, source.packed, b"\0\0\0\0")
            control.append((socket.IPPROTO_IP, _IP_PKTINFO, info))
        self._socket.sendmsg([header, payload], control, 0, (str(destination), 0))

    def receive(self) -> Iterator[EchoReply | EchoRequest]:
        """What waits of our replies and others' requests, at most a batch of it."""
        offset = time.clock_gettime(time.CLOCK_REALTIME) - time.clock_gettime(time.CLOCK_BOOTTIME)
        for _ in range(_BATCH):
            try:
                packet, control, _flags, sender = self._socket.recvmsg(256, 64)
            except BlockingIOError:
                return
            except OSError:
                continue
            reply = self._parse(packet, sender[0], self._stamp(control, offset))
            if reply is not None:
                yield reply

    def close(self) -> None:
        """Close the socket; may be called twice."""
        self._socket.close()

    def _parse(
        self, packet: bytes, sender: str, received: float
    ) -> EchoReply | EchoRequest | None:
        start = (packet[0] & 0x0F) * 4 if packet else 0
        if len(packet) > start and packet[start] == _ECHO_REQUEST:
            return EchoRequest(IPv4Address(sender), received)
        end = start + _HEADER.size + _PAYLOAD.size
        if len(packet) < end:
            return None
        kind, _code, _sum, ident, _low = _HEADER.unpack_from(packet, start)
        secret, key, sequence, sent = _PAYLOAD.unpack_from(packet, start + _HEADER.size)
        if kind != _ECHO_REPLY or ident != self._ident or secret != self._secret:
            return None
        return EchoReply(IPv4Address(sender), key, sequence, sent, received)

    @staticmethod
    def _stamp(control: list[tuple[int, int, bytes]], offset: float) -> float:
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack_from(data)
                return float(seconds + nanoseconds / 1e9 - offset)
        return time.clock_gettime(time.CLOCK_BOOTTIME)
