"""A peer of the tunnel device, and the kernel entries that make a cable to it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from submariner_core.api.cable import Cable
from submariner_core.api.errors import CableError
from submariner_core.api.naming import CABLE_MAC, CABLE_OCTET, device_mac, tunnel_address
from submariner_core.api.network import FLOOD, ForwardingEntry, Neighbour

DEVICE = "vxlan-tunnel"
VNI = 1000
OVERHEAD = 50
"""Bytes that VXLAN over IPv4 adds to a packet: 14 Ethernet, 8 VXLAN, 8 UDP, 20 IP."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One cable as this driver keeps it: where to send, and whose formula gives the MAC."""

    name: str
    address: IPv4Address
    port: int
    private_ip: IPv4Address
    ours: bool

    @property
    def vtep(self) -> IPv4Address:
        """The peer's address on the tunnel device, derived as both sides derive it."""
        return tunnel_address(self.private_ip, CABLE_OCTET).ip

    @property
    def fixed_mac(self) -> str:
        """The MAC of the peer's device, if it runs this project."""
        return device_mac(CABLE_MAC, self.private_ip)


def peer_of(cable: Cable) -> Peer:
    """Raises :class:`CableError` for a remote that has no IPv4 underlay address."""
    private_ip = cable.remote.private_ip
    if not isinstance(cable.address, IPv4Address) or not isinstance(private_ip, IPv4Address):
        raise CableError(
            f"cable {cable.name!r}: vxlan needs IPv4 underlay addresses, the remote has "
            f"{cable.address} (private {private_ip}): offer another cable driver for this pair"
        )
    if not _is_unicast(cable.address):
        raise CableError(
            f"cable {cable.name!r}: {cable.address} is no unicast address: "
            "correct the private or public IP of the remote gateway"
        )
    return Peer(cable.name, cable.address, cable.port, private_ip, cable.ours)


def _is_unicast(address: IPv4Address) -> bool:
    return not (address.is_multicast or address.is_loopback or address.is_unspecified) and (
        address.packed[0] < 240
    )


def check_distinct(peer: Peer, local: IPv4Address, others: Iterable[Peer]) -> None:
    """Raise :class:`CableError` when somebody else has the peer's tunnel address."""
    if _suffix(peer.private_ip) == _suffix(local):
        rival = f"this gateway ({local})"
    else:
        suffix = _suffix(peer.private_ip)
        taken = [p for p in others if p.name != peer.name and _suffix(p.private_ip) == suffix]
        if not taken:
            return
        rival = f"cable {taken[0].name!r} ({taken[0].private_ip})"
    raise CableError(
        f"cable {peer.name!r} ({peer.private_ip}): {rival} has the same tunnel address "
        f"{peer.vtep}, derived from the last three octets of the private IP: give one gateway "
        "another private IP, or use another cable driver for this pair"
    )


def _suffix(address: IPv4Address) -> int:
    """The last three octets: all of an address that its tunnel address keeps."""
    return int(address) & 0x00FFFFFF


def neighbours(peer: Peer) -> tuple[Neighbour, ...]:
    """Permanent neighbour entries; an upstream peer's MAC is random, so ARP asks for it."""
    if not peer.ours:
        return ()
    return (Neighbour(DEVICE, peer.vtep, peer.fixed_mac),)


def forwarding(
    peer: Peer, own_port: int, learnt: Mapping[IPv4Address, str]
) -> tuple[ForwardingEntry, ...]:
    """FDB entries for a peer; ``learnt`` holds the MACs that answered ARP, by tunnel address.

    The all-zero entry of an upstream peer stays beside the learnt one: its device has a new MAC
    after each restart of that peer, and only through this entry can ARP ask again.
    """
    port = peer.port if peer.port != own_port else None
    if peer.ours:
        macs = [peer.fixed_mac]
    else:
        macs = [FLOOD, *([learnt[peer.vtep]] if peer.vtep in learnt else [])]
    return tuple(ForwardingEntry(DEVICE, mac, peer.address, port) for mac in macs)


def belongs(entry: ForwardingEntry, peer: Peer) -> bool:
    """Whether an observed entry is, or was, one of this peer's."""
    return entry.destination == peer.address or entry.mac == peer.fixed_mac
