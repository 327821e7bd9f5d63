"""The node's addresses: on the underlay, and among its cluster's pods; and room for packets."""

from __future__ import annotations

from collections.abc import Sequence

from submariner_core.api.errors import ConfigError
from submariner_core.cli.checks import place
from submariner_core.cli.checks.finding import Finding, Subject, error, ok, warning
from submariner_core.cli.checks.ranges import unadvertised
from submariner_core.reconcile.routing import OVERLAY_DEVICE

OVERHEAD = 50
"""Bytes that VXLAN over IPv4 adds."""
SMALL = 1280
"""Bytes; a path below this makes trouble with IPv6-minded hosts and with large TLS records."""


async def private_address(subject: Subject) -> Sequence[Finding]:
    """The address that gateways and nodes reach this node by."""
    check = "private address"
    try:
        address = await place.private_address(subject)
    except ConfigError as reason:
        why, _, remedy = str(reason).partition("; ")
        return [error(check, why, f"{remedy}, or add a default route")]
    device = await place.underlay(subject)
    if device is None:
        remedy = "set private_ip: to an address of this node"
        return [error(check, f"{address} is on no device of this node", remedy)]
    return [ok(check, f"{address} on {device}")]


async def cni_address(subject: Subject) -> Sequence[Finding]:
    """An address in the cluster CIDR: the host's own traffic and the health checks use it."""
    check = "CNI address"
    assert subject.loaded is not None
    settings = subject.loaded.settings
    if not settings.cluster_cidr:
        return [warning(check, "no cluster_cidr is set", "set cluster_cidr: to the pods' range")]
    cidrs = ", ".join(map(str, settings.cluster_cidr))
    found = await place.cni(subject)
    if found is None:
        return [
            warning(
                check,
                f"no address of this node is in {cidrs}: pods are served, but this host has no "
                "source that other clusters can answer to, and its cables are not probed",
                "check cluster_cidr; otherwise give a device an address of this node's pod range",
            )
        ]
    return [ok(check, f"{found.interface.ip} on {found.device}, in {cidrs}")]


async def ranges(subject: Subject) -> Sequence[Finding]:
    """The own ranges must not hold what the cables themselves are reached by."""
    check = "cluster ranges"
    assert subject.loaded is not None
    own = subject.loaded.settings.ranges
    try:
        address = await place.private_address(subject)
    except ConfigError:
        return []
    holding = [cidr for cidr in own if cidr.version == address.version and address in cidr]
    if holding:
        detail = f"{holding[0]} holds this node's own address {address}: others will refuse it"
        return [error(check, detail, "correct cluster_cidr, service_cidr or private_ip")]
    if left_out := unadvertised(own):
        return [warning(check, left_out, "nothing to do for IPv4")]
    return [ok(check, ", ".join(map(str, own)) or "none are set")]


async def mtu(subject: Subject) -> Sequence[Finding]:
    """No device of ours may promise more than fits the underlay."""
    below = await place.underlay(subject)
    link = await subject.kernel.links.get(below) if below is not None else None
    if link is None:
        return []
    room = link.mtu - OVERHEAD
    findings = [ok("MTU", f"{link.name} has {link.mtu}: {room} for pods")]
    if room < SMALL:
        remedy = f"give the underlay an MTU of {SMALL + OVERHEAD} or more"
        findings = [warning("MTU", f"{link.name} has {link.mtu}: {room} for pods", remedy)]
    for name in await subject.own_devices():
        device = await subject.kernel.links.get(name)
        if device is not None and device.kind == "vxlan" and device.mtu > room:
            who = "route agent" if name == OVERLAY_DEVICE else "gateway"
            findings.append(
                error(
                    f"MTU of {name}",
                    f"{device.mtu}, but {link.name} leaves {room}: full-size packets are lost",
                    f"restart the {who}: it fits the device to the underlay",
                )
            )
    return findings
