"""Reading a gateway's /metrics from inside its node."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from submariner_lab import namespaces

GATEWAY_PORT = 32780
TIMEOUT = 1.0
RX, TX = "submariner_gateway_rx_bytes", "submariner_gateway_tx_bytes"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes through the cables to one remote gateway."""

    remote_cluster: str
    remote_hostname: str
    received: int
    sent: int


async def traffic(netns: str, port: int = GATEWAY_PORT) -> tuple[Traffic, ...]:
    """What the gateway in ``netns`` has moved; nothing when it does not answer."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return parse(await _get(netns, port))
    except (OSError, TimeoutError, ValueError):
        return ()


def parse(text: str) -> tuple[Traffic, ...]:
    """The byte counters in an exposition. Raises ``ValueError`` for what is none."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removesuffix("_total")
            if name in {RX, TX}:
                remote = (sample.labels["remote_cluster"], sample.labels["remote_hostname"])
                counts = found.setdefault(remote, {})
                counts[name] = counts.get(name, 0) + int(sample.value)
    return tuple(
        Traffic(cluster, host, counts.get(RX, 0), counts.get(TX, 0))
        for (cluster, host), counts in sorted(found.items())
    )


async def _get(netns: str, port: int) -> str:
    loop = asyncio.get_running_loop()
    with namespaces.inside(netns, lambda: socket.socket(socket.AF_INET)) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.sock_sendall(sock, b"GET /metrics HTTP/1.0\r\nAccept: text/plain\r\n\r\n")
        answer = b""
        while data := await loop.sock_recv(sock, 65536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise ValueError("not an answer of /metrics")
    return body.decode()
