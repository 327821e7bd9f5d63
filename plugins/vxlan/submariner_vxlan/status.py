"""What an observation says of each cable. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from submariner_core.api.cable import CableState
from submariner_core.api.model import ConnectionStatus
from submariner_core.api.network import ForwardingEntry, Link, Neighbour
from submariner_vxlan.counters import received, sent
from submariner_vxlan.peer import DEVICE, EVERYONE, Peer, belongs, forwarding, neighbours

AWAITS_ARP = "the peer's MAC is not known yet: packets to it go to every upstream peer"


def states(
    peers: Collection[Peer],
    link: Link | None,
    held: Collection[Neighbour],
    entries: Collection[ForwardingEntry],
    counted: Mapping[str, int],
) -> Iterator[CableState]:
    """A state for each cable, then one for each forwarding entry that belongs to none.

    ``connected`` means that all its entries are there; whether packets pass, probes tell.
    """
    for peer in peers:
        problem = _problem(peer, link, held, entries)
        note = AWAITS_ARP if _awaits_arp(peer, entries) else ""
        yield CableState(
            peer.name,
            ConnectionStatus.ERROR if problem else ConnectionStatus.CONNECTED,
            problem or note,
            key=str(peer.address),
            rx_bytes=counted.get(received(peer)),
            tx_bytes=counted.get(sent(peer)),
        )
    for entry in _unknown(peers, entries):
        key = f"{entry.mac} to {entry.destination} on {entry.device}"
        yield CableState(None, ConnectionStatus.NONE, "no cable of this name is known", key=key)


def _problem(
    peer: Peer,
    link: Link | None,
    held: Collection[Neighbour],
    entries: Collection[ForwardingEntry],
) -> str:
    if link is None or link.vxlan is None:
        return f"device {DEVICE} is missing"
    if not link.up:
        return f"device {DEVICE} is down"
    missing: list[Neighbour | ForwardingEntry] = [n for n in neighbours(peer) if n not in held]
    missing += [f for f in forwarding(peer, link.vxlan.port, {}) if f not in entries]
    return "; ".join(f"entry missing: {entry}" for entry in missing)


def _awaits_arp(peer: Peer, entries: Iterable[ForwardingEntry]) -> bool:
    return not peer.ours and not any(
        entry.mac != EVERYONE for entry in entries if entry.destination == peer.address
    )


def _unknown(
    peers: Collection[Peer], entries: Iterable[ForwardingEntry]
) -> Iterator[ForwardingEntry]:
    return (e for e in entries if not any(belongs(e, peer) for peer in peers))
