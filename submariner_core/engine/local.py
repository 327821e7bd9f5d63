"""The own endpoint: what this gateway advertises, from its settings and what its node has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

from submariner_core.api.cable import USING_LOADBALANCER
from submariner_core.api.info import Capability
from submariner_core.api.model import Cluster, Endpoint
from submariner_core.api.naming import IPAddress, IPNetwork, cable_name
from submariner_core.config.settings import Settings
from submariner_core.daemon.node import ipv4
from submariner_core.kernel import Kernel
from submariner_core.reconcile.nat_peers import PORT_KEY
from submariner_core.reconcile.public_ip import LOAD_BALANCER, sources
from submariner_core.reconcile.state import Site

PUBLIC_IP_KEY = "public-ip"
"""Says in what way the node's public address is learnt, where the node says so."""


async def health_check_ip(cluster_cidr: Sequence[IPNetwork], kernel: Kernel) -> IPv4Address | None:
    """The node's first address inside a cluster CIDR (the CNI's), or ``None``."""
    addresses = await kernel.addresses.list()
    for cidr in cluster_cidr:
        for address in addresses:
            ip = address.interface.ip
            if isinstance(ip, IPv4Address) and isinstance(cidr, IPv4Network) and ip in cidr:
                return ip
    return None


def own_cluster(settings: Settings) -> Cluster:
    """The Cluster that this gateway's cluster advertises."""
    return Cluster(
        cluster_id=settings.cluster_id,
        service_cidr=ipv4(settings.service_cidr),
        cluster_cidr=ipv4(settings.cluster_cidr),
        global_cidr=ipv4(settings.global_cidr),
    )


def own_site(settings: Settings, capabilities: Mapping[str, Capability]) -> Site:
    """What does not change while the gateway runs; ``capabilities`` are its cable drivers'."""
    return Site(
        own_cluster(settings),
        settings.failover.warm,
        capabilities,
        evidence=settings.failover.evidence,
        discovers=settings.nat_discovery.port > 0,
    )


def own_endpoint(
    settings: Settings,
    private: IPv4Address,
    public: IPAddress | None,
    probe: IPv4Address | None,
    advertised: tuple[str, Mapping[str, str]],
) -> Endpoint:
    """The Endpoint of this gateway; ``advertised`` is the backend and its configuration.

    Subnets are the service CIDRs first, then the cluster CIDRs: peers depend on the order. Who
    asks at the port of NAT discovery is answered. That its public address is a load balancer's is
    said from the start, before there is one: the settings decide it, so it never changes.
    """
    backend, backend_config = advertised
    first = next(iter(sources(settings.own_public_ip)), None)
    if first is not None and first.method == LOAD_BALANCER:
        backend_config = {USING_LOADBALANCER: "true", **backend_config}
    if settings.node_public_ip:
        backend_config = {PUBLIC_IP_KEY: settings.node_public_ip, **backend_config}
    if settings.nat_discovery.port:
        backend_config = {PORT_KEY: str(settings.nat_discovery.port), **backend_config}
    return Endpoint(
        cluster_id=settings.cluster_id,
        cable_name=cable_name(settings.cluster_id, private),
        hostname=settings.node_name,
        subnets=ipv4((*settings.service_cidr, *settings.cluster_cidr)),
        private_ip=private,
        public_ip=public,
        nat_enabled=settings.nat_enabled,
        backend=backend,
        backend_config=backend_config,
        health_check_ip=probe,
    )
