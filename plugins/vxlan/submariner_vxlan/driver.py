"""The cable driver: one device, and a few permanent kernel entries for each cable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path as FilePath

from submariner_core.api.cable import Cable, CableDriver, CableState, LocalGateway, Path
from submariner_core.api.errors import CableError
from submariner_core.kernel import Kernel
from submariner_vxlan.counters import Counters
from submariner_vxlan.device import ensure_device, find_device, remove_device
from submariner_vxlan.entries import Entries
from submariner_vxlan.options import VxlanOptions
from submariner_vxlan.peer import DEVICE, Peer, check_distinct, peer_of
from submariner_vxlan.roster import Roster
from submariner_vxlan.status import AWAITS_ARP, states

NAME = "vxlan"
_INTERVAL = 5.0
_LEARNING_INTERVAL = 1.0


class VxlanDriver(CableDriver):
    """VXLAN cables to peers of this project and of upstream.

    The kernel holds the cables; a roster in ``state_dir`` holds their names. A restarted process
    finds both and changes nothing.
    """

    def __init__(self, options: VxlanOptions, state_dir: FilePath) -> None:
        self._options = options
        self._kernel = Kernel()
        self._entries = Entries(self._kernel)
        self._counters = Counters()
        self._roster = Roster(state_dir)
        self._lock = asyncio.Lock()
        self._connecting = 0
        self._private_ip: IPv4Address | None = None
        self._loaded: dict[str, Peer] | None = None

    async def open(self, local: LocalGateway) -> Mapping[str, str]:
        """Bring the device up or adopt it; its MTU follows the underlay's.

        The port is the configured one. Without one it is 4520, save where vxlan is the first
        cable, and so the endpoint's backend: what that endpoint advertises, or 4500.
        """
        private_ip = local.endpoint.private_ip
        if not isinstance(private_ip, IPv4Address):
            raise CableError(f"vxlan needs an IPv4 private_ip, this gateway has {private_ip}")
        port = self._port(local)
        async with self._lock:
            await ensure_device(self._kernel, private_ip, port)
            await self._entries.restore(self._peers.values(), port)
            self._private_ip = private_ip
        await self._counters.ensure(port, self._peers.values())
        return {"udp-port": str(port)}

    async def connect(self, cable: Cable) -> Path:
        """Make the cable's entries permanent.

        Raises :class:`CableError` when another VTEP has the same last three octets.
        """
        if self._private_ip is None:
            raise CableError(f"cable {cable.name!r}: vxlan is not open yet: call open first")
        peer = peer_of(cable)
        self._connecting += 1
        try:
            async with self._lock:
                check_distinct(peer, self._private_ip, self._peers.values())
                link, port = await find_device(self._kernel)
                await self._make(peer, port)
        finally:
            self._connecting -= 1
        if not self._connecting:  # the last of many that come at once counts for all
            await self._counters.ensure(port, self._peers.values())
        return Path(DEVICE, peer.vtep, link.mtu)

    async def disconnect(self, cable_name: str) -> None:
        """Remove the cable's entries, then its name."""
        async with self._lock:
            peer = self._peers.get(cable_name)
            if peer is None:
                return
            others = [other for other in self._peers.values() if other is not peer]
            link = await self._kernel.links.get(DEVICE)
            settings = link.vxlan if link is not None else None
            if settings is not None:
                await self._entries.remove(peer, others, settings.port)
            self._roster.save(others)
            del self._peers[cable_name]
        if settings is not None:
            await self._counters.ensure(settings.port, self._peers.values())

    async def observe(self) -> Sequence[CableState]:
        """What the device holds, by name. An upstream peer's answer to ARP is adopted here."""
        async with self._lock:
            link = await self._kernel.links.get(DEVICE)
            peers = self._peers.values()
            counted: Mapping[str, int] = {}
            if link is not None and link.vxlan is not None:
                await self._entries.learn(peers, link.vxlan.port)
                await self._counters.ensure(link.vxlan.port, peers)
                counted = await self._counters.read(link.vxlan.port, peers)
            held = await self._kernel.neighbours.list(DEVICE)
            entries = await self._kernel.fdb.list(DEVICE)
            return tuple(states(peers, link, held, entries, counted))

    async def watch(self) -> AsyncIterator[Sequence[CableState]]:
        """Observations every 5 s; every second while an upstream peer's MAC is not known."""
        while True:
            observed = await self.observe()
            yield observed
            learning = any(state.message == AWAITS_ARP for state in observed)
            await asyncio.sleep(_LEARNING_INTERVAL if learning else _INTERVAL)

    async def close(self) -> None:
        """Release the netlink socket; the device goes on forwarding."""
        await self._kernel.close()

    async def cleanup(self) -> None:
        """Remove the device, the counters and the roster."""
        async with self._lock:
            await remove_device(self._kernel)
            await self._counters.remove()
            self._roster.erase()
            self._loaded = {}
            self._private_ip = None

    async def _make(self, peer: Peer, port: int) -> None:
        """Name it before its entries are made, and keep an old address until the new one works.

        So whatever a crash leaves behind has a name, and the next connect makes it right.
        """
        before = self._peers.get(peer.name)
        if before is None:
            self._roster.save((*self._peers.values(), peer))
            self._peers[peer.name] = peer
        await self._entries.install(peer, port)
        if before is not None and before != peer:
            others = [other for other in self._peers.values() if other.name != peer.name]
            await self._entries.remove(before, (*others, peer), port)
            self._roster.save((*others, peer))
            self._peers[peer.name] = peer

    def _port(self, local: LocalGateway) -> int:
        first = local.endpoint.backend == NAME
        advertised = local.endpoint.backend_config.get("udp-port", "") if first else ""
        if self._options.port is None and advertised.isascii() and advertised.isdecimal():
            return int(advertised)
        return self._options.udp_ports(0 if first else 1).start

    @property
    def _peers(self) -> dict[str, Peer]:
        """By name. Read from the roster when first asked for: making a driver touches nothing."""
        if self._loaded is None:
            self._loaded = {peer.name: peer for peer in self._roster.load()}
        return self._loaded
