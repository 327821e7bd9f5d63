"""A second set of devices under a key of its own, to send by while the first set's key changes.

A device has one private key, and a remote accepts a prefix from one key on each of its devices.
To remotes, the second set is one more gateway of this cluster, in a slot that is free: they have
it on another device, and accept from both. Its key is never on the disk: a process that finds
such devices has no use for them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from submariner_core.api.cable import Path
from submariner_core.api.naming import SLOTS
from submariner_wireguard.device import device_name
from submariner_wireguard.devices import Devices
from submariner_wireguard.peer import PUBLIC_KEY, Peer
from submariner_wireguard.peering import PROOF, Peering, Terms
from submariner_wireguard.secret import KEY_LENGTH, Secret, public_key

SHIFT = len(SLOTS) // 2
"""How far its devices are above the first's: their ports are those of slots, open as it is."""

SETTLED = 1.5 * PROOF
"""Seconds after a first handshake in which a remote surely lets packets in."""


class SecondSet:
    """The peers of the first set once more, those of ours whose second device nobody has."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices
        self._peering = Peering(devices)
        self._key: Secret | None = None
        self._peers: dict[str, Peer] = {}
        self._before: Mapping[str, float] = {}
        self._since: dict[str, float] = {}

    @property
    def made(self) -> bool:
        """Whether it is there."""
        return self._key is not None

    async def make(self, peers: Iterable[Peer], terms: Terms, slot: int) -> Mapping[str, str]:
        """Make what is not yet there, as a gateway in ``slot``; what to advertise for it."""
        self._key = key = self._key or Secret(secrets.token_bytes(KEY_LENGTH))
        own = replace(terms, devices=replace(terms.devices, private_key=key), own_slot=slot)
        for peer in _seconds(list(peers)):
            before = self._peers.get(peer.name)
            if before != peer:
                await self._peering.make(peer, own, moved=before is not None)
                self._peers[peer.name] = peer
        return {PUBLIC_KEY: public_key(key), "udp-port": str(terms.devices.port + SHIFT)}

    async def paths(self) -> Mapping[str, Path]:
        """By cable name, those that had a handshake: this side began it, and was answered."""
        await self._peering.read(self._peers.values())
        return {
            name: Path(
                peer.device, None, await self._devices.path_mtu(peer.device, peer.address.host)
            )
            for name, peer in self._peers.items()
            if self._peering.handshake(peer)
        }

    def rekeyed(self, handshakes: Mapping[str, float]) -> None:
        """The first set has another key; these were its last handshakes under the old one."""
        self._before, self._since = handshakes, {}

    def followed(self, handshakes: Mapping[str, float], now: float) -> Iterator[str]:
        """The first cables that had a handshake since, and for long enough.

        A remote of ours makes it first, and lets packets of the new key in right afterwards.
        """
        for name, stamp in handshakes.items():
            fresh = stamp not in {0.0, self._before.get(name)}
            if fresh and now - self._since.setdefault(name, now) >= SETTLED:
                yield name

    async def remove(self, peers: Iterable[Peer]) -> None:
        """Remove its devices, but none that one of the first set's ``peers`` is on."""
        used = {peer.slot for peer in peers}
        for slot in SLOTS[SHIFT:]:
            if slot not in used:
                await self._devices.implementation.delete(device_name(slot))
        self._key, self._peers = None, {}
        self._peering = Peering(self._devices)


def _seconds(peers: list[Peer]) -> Iterator[Peer]:
    used = {peer.slot for peer in peers}
    for peer in peers:
        slot = peer.slot + SHIFT
        if peer.ours and slot in SLOTS and slot not in used:
            yield replace(peer, slot=slot)
