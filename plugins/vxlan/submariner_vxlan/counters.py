"""Bytes per peer. The device has one pair of counters for all, so nftables counts for each."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping

import structlog

from submariner_core.kernel import KernelError, expressions, nft
from submariner_vxlan.peer import Peer

FAMILY = "inet"
TABLE = "submariner-vxlan"
_LAST = 300
"""Priority after every filter: what a firewall drops was not received."""

log = structlog.get_logger("submariner.vxlan")


class Counters:
    """One nft table: outer UDP packets, received by source, sent by destination and port.

    Cables do not depend on it: where ``nft`` fails, that is logged and the counts are unknown.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._counted: tuple[object, ...] = ()

    async def ensure(self, own_port: int, peers: Collection[Peer]) -> None:
        """Count for these peers; what was counted before is kept.

        ``peers`` is a live view, read when it is this caller's turn: many cables that come at
        once cost few replacements of the table.
        """
        async with self._lock:
            wanted = (own_port, *peers)
            if wanted == self._counted:
                return
            try:
                await nft.replace_table(FAMILY, TABLE, table(own_port, peers))
            except KernelError as error:
                log.warning("bytes are not counted", error=str(error))
            else:
                self._counted = wanted

    async def read(self, own_port: int, peers: Collection[Peer]) -> Mapping[str, int]:
        """Bytes by the name of each counter, without those that cannot be read.

        A table that somebody flushed is put back.
        """
        if not peers:
            return {}
        try:
            counted = await nft.counters(FAMILY, TABLE)
        except KernelError as error:
            log.warning("byte counters cannot be read", error=str(error))
            return {}
        if not counted:
            self._counted = ()
            await self.ensure(own_port, peers)
        return {name: octets for name, (_, octets) in counted.items()}

    async def remove(self) -> None:
        """Remove the table."""
        async with self._lock:
            self._counted = ()
            await nft.delete_table(FAMILY, TABLE)


def received(peer: Peer) -> str:
    """The name of the counter of what came from a peer."""
    return f"rx-{peer.address}"


def sent(peer: Peer) -> str:
    """The name of the counter of what went to a peer."""
    return f"tx-{peer.address}-{peer.port}"


def table(own_port: int, peers: Iterable[Peer]) -> list[expressions.Object]:
    """The objects of the table, in an order that depends on the peers only."""
    ordered = sorted(peers, key=lambda peer: (peer.address, peer.port))
    rx = {received(peer): str(peer.address) for peer in ordered}
    tx = {sent(peer): {"concat": [str(peer.address), peer.port]} for peer in ordered}
    source, target = _field("ip", "saddr"), _field("ip", "daddr")
    to_port = {"concat": [target, _field("udp", "dport")]}
    return [
        *(expressions.named_counter(name) for name in (*rx, *tx)),
        _map("received", "ipv4_addr", rx),
        _map("sent", ["ipv4_addr", "inet_service"], tx),
        expressions.base_chain("input", "filter", "input", _LAST),
        expressions.base_chain("output", "filter", "output", _LAST),
        expressions.rule("input", expressions.udp_port(own_port), _count(source, "received")),
        expressions.rule("output", _count(to_port, "sent")),
    ]


def _field(protocol: str, field: str) -> expressions.Expression:
    return {"payload": {"protocol": protocol, "field": field}}


def _map(name: str, key: object, elements: Mapping[str, object]) -> expressions.Object:
    filled = {"elem": [[value, counter] for counter, value in elements.items()]}
    return {"map": {"name": name, "type": key, "map": "counter", **(filled if elements else {})}}


def _count(key: expressions.Expression, name: str) -> expressions.Expression:
    return {"counter": {"map": {"key": key, "data": f"@{name}"}}}
