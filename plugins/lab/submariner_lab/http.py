"""Asking an HTTP endpoint from inside its node."""

from __future__ import annotations

import asyncio
import socket

from submariner_lab import namespaces

GATEWAY_PORT = 32780
ROUTE_AGENT_PORT = 32782
TIMEOUT = 1.0


async def get(netns: str, port: int, path: str, address: str = "127.0.0.1") -> tuple[int, str]:
    """Status and body of a GET. Raises ``OSError``, also when no answer comes."""
    async with asyncio.timeout(TIMEOUT):
        answer = await _exchange(netns, (address, port), path)
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        status = int(head.split(None, 2)[1])
    except (IndexError, ValueError):
        raise ConnectionError(f"{netns}:{port}{path}: no HTTP answer: {head[:40]!r}") from None
    return status, body.decode()


async def _exchange(netns: str, where: tuple[str, int], path: str) -> bytes:
    loop = asyncio.get_running_loop()
    with namespaces.inside(netns, lambda: socket.socket(socket.AF_INET)) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, where)
        await loop.sock_sendall(sock, f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while data := await loop.sock_recv(sock, 65536):
            answer += data
        return answer
