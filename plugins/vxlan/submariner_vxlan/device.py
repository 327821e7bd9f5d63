"""The tunnel device itself: made, adopted, replaced, removed."""

from __future__ import annotations

import errno
from ipaddress import IPv4Address

import structlog

from submariner_core.api.errors import CableError
from submariner_core.api.naming import CABLE_MAC, CABLE_OCTET, device_mac, tunnel_address
from submariner_core.api.network import Address, Link, Vxlan, VxlanSettings
from submariner_core.kernel import Kernel, KernelError, LinkMismatch, sysctl
from submariner_core.kernel.neighbours import ASKING
from submariner_core.kernel.underlay import underlay_mtu
from submariner_vxlan.peer import DEVICE, OVERHEAD, VNI

SYSCTLS = (
    # Loose reverse-path filter: a reply may come over another gateway's cable.
    (f"net.ipv4.conf.{DEVICE}.rp_filter", "2"),
    (f"net.ipv4.conf.{DEVICE}.forwarding", "1"),
    *((f"net.ipv4.neigh.{DEVICE}.{name}", value) for name, value in ASKING.items()),
)

log = structlog.get_logger("submariner.vxlan")


async def ensure_device(kernel: Kernel, private_ip: IPv4Address, port: int) -> None:
    """Make ``vxlan-tunnel`` so, or adopt it untouched.

    One of ours with another port or local address is replaced, since neither can be changed in
    place. Raises :class:`CableError` for a device of this name that is something else.
    """
    wanted = Vxlan(
        DEVICE,
        VxlanSettings(VNI, port, private_ip),
        mtu=await underlay_mtu(kernel, private_ip, "vxlan") - OVERHEAD,
        mac=device_mac(CABLE_MAC, private_ip),
    )
    try:
        await _adopt_or_replace(kernel, wanted)
    except KernelError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise CableError(
            f"device {DEVICE}: UDP port {port} is taken on this node: "
            f"set options.vxlan.port to a free one ({error})"
        ) from error
    address = tunnel_address(private_ip, CABLE_OCTET)
    await kernel.addresses.ensure(Address(DEVICE, address))
    for name, value in SYSCTLS:
        sysctl.ensure(name, value)


async def find_device(kernel: Kernel) -> tuple[Link, int]:
    """The device and its UDP port. Raises :class:`CableError` if it is gone."""
    link = await kernel.links.get(DEVICE)
    if link is None or link.vxlan is None:
        raise CableError(f"device {DEVICE} is gone: it comes back when the driver is opened again")
    return link, link.vxlan.port


async def remove_device(kernel: Kernel) -> None:
    """Remove ``vxlan-tunnel`` if it is ours; a device of that name that is not stays."""
    found = await kernel.links.get(DEVICE)
    if found is not None and _is_ours(found):
        await kernel.links.delete(DEVICE)


async def _adopt_or_replace(kernel: Kernel, wanted: Vxlan) -> None:
    try:
        await kernel.links.ensure_vxlan(wanted)
    except LinkMismatch as mismatch:
        if not _is_ours(mismatch.found):
            kind = mismatch.found.kind or "plain"
            held = f"VNI {mismatch.found.vxlan.vni}" if mismatch.found.vxlan else f"kind {kind}"
            raise CableError(
                f"device {DEVICE}: expected a VXLAN of VNI {VNI}, found {held}, which is not "
                f"ours: rename or delete it (ip link delete {DEVICE})"
            ) from mismatch
        log.warning(
            "device replaced", found=str(mismatch.found.vxlan), wanted=str(wanted.settings)
        )
        await kernel.links.delete(DEVICE)
        await kernel.links.ensure_vxlan(wanted)


def _is_ours(link: Link) -> bool:
    return link.vxlan is not None and link.vxlan.vni == VNI
