"""TCP connections to an API server that notice when its machine is gone."""

from __future__ import annotations

import socket
import ssl

import aiohttp

IDLE, INTERVAL, COUNT = 2, 1, 3
"""TCP keep-alive in seconds: a machine that is gone is noticed after some 5 s."""


def connector(context: ssl.SSLContext, seen: set[str]) -> aiohttp.TCPConnector:
    """Connections under ``context``; the addresses they were made to are added to ``seen``."""

    def make(address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = address
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, COUNT)
        made.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, (IDLE + INTERVAL * COUNT) * 1000
        )
        seen.add(str(where[0]))
        return made

    return aiohttp.TCPConnector(limit=0, ssl=context, socket_factory=make)
