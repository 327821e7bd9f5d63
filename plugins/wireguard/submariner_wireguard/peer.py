"""A peer as this driver keeps it: which cable it is, where, and on which device. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from submariner_core.api.cable import Cable
from submariner_core.api.errors import CableError
from submariner_core.api.naming import SLOTS, IPNetwork
from submariner_wireguard.device import PeerSettings, UdpAddress, device_name
from submariner_wireguard.secret import Secret, checked_public_key

PUBLIC_KEY = "publicKey"
"""The key of ``backend_config`` under which upstream advertises it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One cable. ``slot`` is the remote gateway's; ``port`` the one that it advertises."""

    name: str
    cluster_id: str
    hostname: str
    slot: int
    public_key: str
    address: UdpAddress
    prefixes: tuple[IPNetwork, ...]
    ours: bool = True

    @property
    def device(self) -> str:
        """The device that the peer is on."""
        return device_name(self.slot)

    def endpoint(self, own_slot: int) -> UdpAddress:
        """Where this gateway sends: a peer of ours listens for each slot of ours on its own port.

        An upstream peer knows nothing of slots and has one port.
        """
        shift = own_slot if self.ours else 0
        return UdpAddress(self.address.host, self.address.port + shift)

    def settings(self, own_slot: int, keepalive: int, preshared_key: Secret) -> PeerSettings:
        """The peer as it should be on its device."""
        return PeerSettings(
            self.public_key,
            self.endpoint(own_slot),
            frozenset(self.prefixes),
            keepalive,
            preshared_key,
        )


def peer_of(cable: Cable) -> Peer:
    """Raises :class:`CableError` for a remote that WireGuard cannot reach."""
    remote = cable.remote
    slot = cable.slot if cable.ours else 0
    owner = f"cable {cable.name!r}"
    if slot not in SLOTS:
        raise CableError(f"{owner}: slot {slot} of the remote gateway is none of 0 to {SLOTS[-1]}")
    host = cable.address
    if host.is_multicast or host.is_unspecified or host.is_loopback:
        raise CableError(
            f"{owner}: {host} is no unicast address: "
            "correct the private or public IP of the remote gateway"
        )
    if not 0 < cable.port <= 65535 - SLOTS[-1]:
        raise CableError(
            f"{owner}: UDP port {cable.port} of the remote gateway is none of 1 to "
            f"{65535 - SLOTS[-1]}: the ports of all slots follow it"
        )
    return Peer(
        name=cable.name,
        cluster_id=remote.cluster_id,
        hostname=remote.hostname,
        slot=slot,
        public_key=checked_public_key(remote.backend_config.get(PUBLIC_KEY, ""), owner),
        address=UdpAddress(host, cable.port),
        prefixes=remote.subnets,
        ours=cable.ours,
    )


def check_distinct(peer: Peer, own_key: str, others: Iterable[Peer]) -> None:
    """Raise :class:`CableError` when a key or a prefix is somebody else's already.

    A peer that takes another's place is no such case: the same host under a new address, or
    the next gateway in a slot.
    """
    if peer.public_key == own_key:
        raise CableError(
            f"cable {peer.name!r}: its public key is this gateway's own: one key was copied to "
            "two hosts; remove the state folder on one of them and restart its gateway"
        )
    for other in others:
        if other.name == peer.name or succeeds(peer, other):
            continue
        if other.public_key == peer.public_key:
            raise CableError(
                f"cable {peer.name!r}: its public key is that of cable {other.name!r} (cluster "
                f"{other.cluster_id!r}): one key was copied to two hosts; remove the state folder "
                "on one of them and restart its gateway"
            )
        if other.cluster_id == peer.cluster_id:
            continue
        taken = [a for a in peer.prefixes for b in other.prefixes if _overlap(a, b)]
        if taken:
            raise CableError(
                f"cable {peer.name!r}: prefix {taken[0]} of cluster {peer.cluster_id!r} belongs "
                f"to cluster {other.cluster_id!r} already: give one cluster other CIDRs"
            )


def succeeds(peer: Peer, other: Peer) -> bool:
    """Whether ``other`` is the same host of the same cluster under an earlier name."""
    return (peer.cluster_id, peer.slot, peer.public_key) == (
        other.cluster_id,
        other.slot,
        other.public_key,
    )


def _overlap(one: IPNetwork, other: IPNetwork) -> bool:
    return one.version == other.version and one.overlaps(other)
