"""What an observation says of each cable. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from submariner_core.api.cable import CableState
from submariner_core.api.model import ConnectionStatus
from submariner_core.api.network import FLOOD, ForwardingEntry, Link, Neighbour
from submariner_vxlan.counters import received, sent
from submariner_vxlan.peer import DEVICE, Peer, forwarding, neighbours

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
    present: frozenset[Neighbour | ForwardingEntry] = frozenset((*held, *entries))
    resolved = {entry.destination for entry in entries if entry.mac != FLOOD}
    for peer in peers:
        problem = _problem(peer, link, present)
        note = "" if peer.ours or peer.address in resolved else AWAITS_ARP
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
    peer: Peer, link: Link | None, present: Collection[Neighbour | ForwardingEntry]
) -> str:
    if link is None or link.vxlan is None:
        return f"device {DEVICE} is missing"
    if not link.up:
        return f"device {DEVICE} is down"
    wanted = (*neighbours(peer), *forwarding(peer, link.vxlan.port, {}))
    return "; ".join(f"entry missing: {entry}" for entry in wanted if entry not in present)


def _unknown(
    peers: Collection[Peer], entries: Iterable[ForwardingEntry]
) -> Iterator[ForwardingEntry]:
    addresses = {peer.address for peer in peers}
    macs = {peer.fixed_mac for peer in peers}
    return (e for e in entries if e.destination not in addresses and e.mac not in macs)
