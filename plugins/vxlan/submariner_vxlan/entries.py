"""The kernel entries of each peer: put there, learnt, taken away."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address

from submariner_core.api.network import ForwardingEntry
from submariner_core.kernel import Kernel
from submariner_vxlan.peer import DEVICE, Peer, belongs, forwarding, neighbours


class Entries:
    """Neighbour and forwarding entries of the tunnel device, which listens on ``own_port``."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def install(self, peer: Peer, own_port: int) -> None:
        """Make a peer's entries so; those that stand are not touched."""
        learnt = {} if peer.ours else await self._learnt()
        for neighbour in neighbours(peer):
            await self._kernel.neighbours.ensure(neighbour)
        for entry in forwarding(peer, own_port, learnt):
            await self._kernel.fdb.ensure(entry)

    async def restore(self, peers: Collection[Peer], own_port: int) -> None:
        """Put back what is missing: a new device has nothing, one set down lost its neighbours."""
        held: set[object] = {
            *await self._kernel.neighbours.list(DEVICE),
            *await self._kernel.fdb.list(DEVICE),
        }
        for peer in peers:
            if not held.issuperset((*neighbours(peer), *forwarding(peer, own_port, {}))):
                await self.install(peer, own_port)

    async def remove(self, peer: Peer, keep: Collection[Peer], own_port: int) -> None:
        """Remove what belongs to a peer and to none of ``keep``.

        An upstream peer's ARP answer goes too: its MAC may be another when it comes back, and a
        stale one costs the kernel 8 s.
        """
        learnt = await self._learnt()
        kept = {entry for one in keep for entry in forwarding(one, own_port, learnt)}
        for entry in await self._kernel.fdb.list(DEVICE):
            if belongs(entry, peer) and entry not in kept:
                await self._kernel.fdb.delete(entry)
        kept_neighbours = {entry for one in keep for entry in neighbours(one)}
        for neighbour in await self._kernel.neighbours.list(DEVICE):
            if neighbour.address == peer.vtep and neighbour not in kept_neighbours:
                await self._kernel.neighbours.delete(neighbour)
        if all(one.vtep != peer.vtep for one in keep):
            await self._forget(peer)

    async def learn(self, peers: Collection[Peer], own_port: int) -> None:
        """Give upstream peers that answered ARP a unicast entry, in place of an earlier one."""
        upstream = [peer for peer in peers if not peer.ours]
        if not upstream:
            return
        learnt = await self._learnt()
        held: set[ForwardingEntry] = set(await self._kernel.fdb.list(DEVICE))
        for peer in upstream:
            if peer.vtep in learnt and not held.issuperset(forwarding(peer, own_port, learnt)):
                await self.install(peer, own_port)
                await self.remove(peer, peers, own_port)

    async def _learnt(self) -> dict[IPv4Address, str]:
        found = await self._kernel.neighbours.learned(DEVICE)
        return {n.address: n.mac for n in found if isinstance(n.address, IPv4Address)}

    async def _forget(self, peer: Peer) -> None:
        for neighbour in await self._kernel.neighbours.learned(DEVICE):
            if neighbour.address == peer.vtep:
                # Only permanent entries are ours to delete: make it one first.
                await self._kernel.neighbours.ensure(neighbour)
                await self._kernel.neighbours.delete(neighbour)
