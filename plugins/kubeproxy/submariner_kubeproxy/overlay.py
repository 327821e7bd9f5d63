"""The overlay between a cluster's nodes: ``vx-submariner`` and whom it knows."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface

from submariner_core.api.errors import RouteError
from submariner_core.api.naming import OVERLAY_MAC, OVERLAY_OCTET, device_mac, tunnel_address
from submariner_core.api.route import OverlayPeer
from submariner_core.kernel import (
    FLOOD,
    Address,
    ForwardingEntry,
    Kernel,
    Link,
    LinkMismatch,
    Neighbour,
    Vxlan,
    VxlanSettings,
)

DEVICE = "vx-submariner"
VNI = 100
PORT = 4800
OVERHEAD = 50
"""Bytes that VXLAN over IPv4 adds to a packet."""


def overlay_address(node: OverlayPeer) -> IPv4Interface:
    """A node's address on the overlay. Raises :class:`RouteError` for an IPv6 node."""
    return tunnel_address(_ipv4(node), OVERLAY_OCTET)


def device(node: OverlayPeer, underlay_mtu: int) -> Vxlan:
    """The node's end of the overlay.

    It learns, so that it can answer nodes that nobody told it of: those with upstream's route
    agent. What it was told is never overridden by what it learns.
    """
    return Vxlan(
        name=DEVICE,
        settings=VxlanSettings(vni=VNI, port=PORT, local=node.address, learning=True),
        mtu=underlay_mtu - OVERHEAD,
        mac=device_mac(OVERLAY_MAC, _ipv4(node)),
    )


def entries(peer: OverlayPeer) -> tuple[Neighbour | None, ForwardingEntry]:
    """How ``peer`` is reached on the overlay: known for good, unless its MAC has to be asked for.

    Then whatever is for no known MAC goes there, questions and packets alike.
    """
    if peer.asked:
        return None, ForwardingEntry(DEVICE, FLOOD, peer.address)
    mac = device_mac(OVERLAY_MAC, _ipv4(peer))
    neighbour = Neighbour(DEVICE, overlay_address(peer).ip, mac)
    return neighbour, ForwardingEntry(DEVICE, mac, peer.address)


def distinct(node: OverlayPeer, peers: Iterable[OverlayPeer]) -> tuple[OverlayPeer, ...]:
    """The other nodes, each overlay address once: the first to have it stays."""
    return tuple(_by_overlay_address(node, peers).values())


def colliding(node: OverlayPeer, peers: Iterable[OverlayPeer]) -> tuple[OverlayPeer, ...]:
    """Nodes that stand back: they differ in the first octet only from one that came before."""
    peers = tuple(peers)
    taken = {overlay_address(node).ip: node, **_by_overlay_address(node, peers)}
    return tuple(p for p in peers if taken[overlay_address(p).ip].address != p.address)


def _by_overlay_address(
    node: OverlayPeer, peers: Iterable[OverlayPeer]
) -> dict[IPv4Address, OverlayPeer]:
    found: dict[IPv4Address, OverlayPeer] = {}
    for peer in peers:
        found.setdefault(overlay_address(peer).ip, peer)
    found.pop(overlay_address(node).ip, None)
    return found


async def ensure_device(kernel: Kernel, wanted: Vxlan, address: IPv4Interface) -> bool:
    """Make the device so, or adopt it. True if anything changed.

    One that cannot be adopted (upstream's has other fixed properties) is replaced: whoever calls
    must make its routes again. Raises :class:`RouteError` for a device of this name that is
    something else.
    """
    try:
        changed = await kernel.links.ensure_vxlan(wanted)
    except LinkMismatch as mismatch:
        if not _is_ours(mismatch.found):
            found = mismatch.found.vxlan
            held = f"VNI {found.vni}" if found else f"kind {mismatch.found.kind or 'plain'}"
            raise RouteError(
                f"device {DEVICE}: expected a VXLAN of VNI {VNI}, found {held}, which is not "
                f"ours: rename or delete it (ip link delete {DEVICE})"
            ) from mismatch
        await kernel.links.delete(wanted.name)
        changed = await kernel.links.ensure_vxlan(wanted)
    wanted_address = Address(wanted.name, address)
    changed |= await kernel.addresses.ensure(wanted_address)
    for stray in await kernel.addresses.list(wanted.name):
        if isinstance(stray.interface, IPv4Interface) and stray != wanted_address:
            changed |= await kernel.addresses.delete(stray)
    return changed


async def remove_device(kernel: Kernel) -> bool:
    """Remove the device if it is ours, or upstream's. True if it was."""
    found = await kernel.links.get(DEVICE)
    return found is not None and _is_ours(found) and await kernel.links.delete(DEVICE)


def _is_ours(link: Link) -> bool:
    return link.vxlan is not None and link.vxlan.vni == VNI


async def know_peers(kernel: Kernel, peers: Iterable[OverlayPeer]) -> bool:
    """Make these the nodes that the overlay knows. True if anything changed."""
    pairs = [entries(peer) for peer in peers]
    neighbours = [neighbour for neighbour, _ in pairs if neighbour is not None]
    changes = await kernel.neighbours.reconcile(DEVICE, neighbours)
    changes += await kernel.fdb.reconcile(DEVICE, [pair[1] for pair in pairs])
    return changes > 0


def _ipv4(node: OverlayPeer) -> IPv4Address:
    if not isinstance(node.address, IPv4Address):
        raise RouteError(
            f"node {node.hostname}: {node.address} is not IPv4, which the overlay runs over"
        )
    return node.address
