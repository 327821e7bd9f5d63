"""Which node this is: its name, its address on the underlay, its cluster's ranges."""

from __future__ import annotations

from submariner_core.api.route import OverlayPeer
from submariner_core.config.settings import Settings
from submariner_core.daemon.node import ipv4, private_ip
from submariner_core.kernel import Kernel
from submariner_core.reconcile.node import NodeSite


async def find_site(settings: Settings, kernel: Kernel) -> NodeSite:
    """This node. Raises :class:`ConfigError` if its address cannot be told."""
    return NodeSite(
        cluster_id=settings.cluster_id,
        node=OverlayPeer(settings.node_name, await private_ip(settings, kernel)),
        cluster_cidr=ipv4(settings.cluster_cidr),
        service_cidr=ipv4(settings.service_cidr),
        global_cidr=ipv4(settings.global_cidr),
        evidence=settings.failover.evidence and settings.health_check.enabled,
    )
