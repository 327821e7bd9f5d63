"""TCP connections to an API server: they notice when its machine is gone, and end with us."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import weakref

import aiohttp

IDLE, INTERVAL, COUNT = 2, 1, 3
"""TCP keep-alive in seconds: a machine that is gone is noticed after some 5 s."""
GOODBYE = 1.0
"""Seconds for the event loop to let go of sockets that were shut down."""


class Sockets:
    """The sockets of one client; the addresses they were made for are added to ``seen``."""

    def __init__(self, seen: set[str]) -> None:
        self._seen = seen
        self._made: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._ended = False

    def connector(self, context: ssl.SSLContext) -> aiohttp.TCPConnector:
        """Connections under ``context``, over sockets of this client."""
        return aiohttp.TCPConnector(limit=0, ssl=context, socket_factory=self._make)

    async def end(self) -> None:
        """Leave none open. May be called twice.

        An asyncio transport says goodbye in TLS before it closes its socket, and waits up to 30 s
        for the server's; one that is given up while it connects, longer.
        """
        self._ended = True
        for one in self._open():
            with contextlib.suppress(OSError):  # not connected yet
                one.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                while self._open():  # noqa: ASYNC110 - sockets tell nobody that they are closed
                    await asyncio.sleep(0.001)

    def _open(self) -> list[socket.socket]:
        return [one for one in self._made if one.fileno() != -1]

    def _make(self, address: aiohttp.AddrInfoType) -> socket.socket:
        if self._ended:
            raise OSError(errno.ESHUTDOWN, os.strerror(errno.ESHUTDOWN))
        family, kind, protocol, _, where = address
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, COUNT)
        made.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, (IDLE + INTERVAL * COUNT) * 1000
        )
        self._made.add(made)
        self._seen.add(str(where[0]))
        return made
