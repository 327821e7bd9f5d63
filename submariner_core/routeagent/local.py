"""Which node this is: its name, its address on the underlay, its cluster's ranges."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from submariner_core.api.errors import ConfigError
from submariner_core.api.naming import IPNetwork
from submariner_core.api.route import OverlayPeer
from submariner_core.config.settings import Settings
from submariner_core.kernel import Kernel
from submariner_core.reconcile.node import NodeSite

_ANYWHERE = IPv4Address("8.8.8.8")
"""Asked of the routing table only, as upstream does: nothing is sent there."""


async def find_site(settings: Settings, kernel: Kernel) -> NodeSite:
    """This node. Raises :class:`ConfigError` if its address cannot be told."""
    address = settings.private_ip
    if address is None:
        way = await kernel.routes.lookup(_ANYWHERE)
        if way is None or not isinstance(way.source, IPv4Address):
            raise ConfigError(
                "private_ip: this node has no default route to tell its address by; "
                "set private_ip: to the node's address on the underlay"
            )
        address = way.source
    return NodeSite(
        cluster_id=settings.cluster_id,
        node=OverlayPeer(settings.node_name, address),
        cluster_cidr=_ipv4(settings.cluster_cidr),
        service_cidr=_ipv4(settings.service_cidr),
        global_cidr=_ipv4(settings.global_cidr),
        evidence=settings.failover.evidence and settings.health_check.enabled,
    )


def _ipv4(networks: Sequence[IPNetwork]) -> tuple[IPNetwork, ...]:
    return tuple(network for network in networks if network.version == 4)
