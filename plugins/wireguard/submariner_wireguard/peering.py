"""Peers on their devices: made, adopted, removed; what was seen there last is remembered."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from submariner_wireguard.device import DeviceState, PeerChange, PeerState, change, device_name
from submariner_wireguard.devices import Devices, Wanted
from submariner_wireguard.peer import Peer
from submariner_wireguard.secret import Secret

_BEGIN = 65535
"""Seconds of a keepalive that is taken back at once: set, it sends, which begins a handshake."""

PROOF, _LOOK = 1.0, 0.01
"""Seconds that such a handshake may take, and between two looks."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all peers have in common: the devices, the own slot, keepalive (s), the PSK."""

    devices: Wanted
    own_slot: int
    keepalive: int
    preshared_key: Secret


class Peering:
    """Changes what differs from what a device held when it was looked at last.

    A peer costs one request, however many others there are: devices are read when they are
    opened and observed, not for each cable.
    """

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._held: dict[str, dict[str, PeerState]] = {}

    def handshake(self, peer: Peer) -> float:
        """The Unix time of the last handshake seen with this peer, 0 if there was none."""
        held = self._held.get(peer.device, {}).get(peer.public_key)
        return held.handshake if held is not None else 0.0

    async def restore(self, peers: Iterable[Peer], terms: Terms, *, moved: bool = False) -> None:
        """Make the devices, at least slot 0's, and all peers so.

        ``moved``: this gateway is elsewhere than before, so every peer's address is set anew.
        """
        wanted = list(peers)
        self._held = {}  # a device without a peer now is made so when the next one comes
        for slot in sorted({0, *(peer.slot for peer in wanted)}):
            state = await self._devices.ensure(slot, terms.devices)
            self._held[device_name(slot)] = dict(state.peers)
        for peer in wanted:
            await self._make(peer, terms, moved=moved)

    async def make(self, peer: Peer, terms: Terms, *, moved: bool) -> None:
        """Make one peer and its device so; ``moved``: it is to be looked for elsewhere."""
        if peer.device not in self._held or not await self._devices.stands(peer.device):
            state = await self._devices.ensure(peer.slot, terms.devices)
            self._held[peer.device] = dict(state.peers)
        await self._make(peer, terms, moved=moved)

    async def prove(self, peer: Peer, terms: Terms) -> None:
        """Make a peer without prefixes, and give it a moment for its first handshake.

        Until then another peer of this device has the prefixes, and packets pass: without a
        session few would wait for one, and the rest be lost.
        """
        await self.make(dataclasses.replace(peer, prefixes=()), terms, moved=False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROOF):
                while not self.handshake(peer):
                    await asyncio.sleep(_LOOK)
                    await self.read([peer])

    async def drain(self, peer: Peer) -> None:
        """Let what was queued for a peer without prefixes go out: its removal would drop that."""
        sent = -1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROOF):
                while sent != (sent := self._sent(peer)):
                    await asyncio.sleep(5 * _LOOK)
                    await self.read([peer])

    def _sent(self, peer: Peer) -> int:
        held = self._held.get(peer.device, {}).get(peer.public_key)
        return held.tx_bytes if held is not None else 0

    async def remove(self, peer: Peer) -> None:
        """Remove one peer; its device stays."""
        await self._devices.implementation.remove(peer.device, peer.public_key)
        self._held.get(peer.device, {}).pop(peer.public_key, None)

    async def read(self, peers: Iterable[Peer]) -> Mapping[str, DeviceState]:
        """What slot 0's device and those of the peers hold; those that are gone are missing."""
        implementation = await self._devices.choose()
        found = {}
        for name in dict.fromkeys([device_name(0), *(peer.device for peer in peers)]):
            state = await implementation.read(name)
            self._held[name] = dict(state.peers) if state is not None else {}
            if state is not None:
                found[name] = state
        return found

    async def _make(self, peer: Peer, terms: Terms, *, moved: bool) -> None:
        wanted = peer.settings(terms.own_slot, terms.keepalive, terms.preshared_key)
        held = self._held[peer.device]
        todo = change(held.get(peer.public_key), wanted, moved=moved)
        if todo is None:
            return
        before = held.get(peer.public_key)
        requests = [todo]
        if before is None and not wanted.keepalive:
            begin = dataclasses.replace(todo, keepalive=_BEGIN)
            requests = [begin, PeerChange(peer.public_key, keepalive=0)]
        for request in requests:
            await self._devices.implementation.change(peer.device, request)
        held[peer.public_key] = PeerState(
            peer.public_key,
            todo.endpoint or (before.endpoint if before is not None else None),
            wanted.allowed,
            wanted.keepalive,
            wanted.preshared_key,
            before.handshake if before is not None else 0.0,
        )
