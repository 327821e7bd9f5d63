"""Values for the tests of decisions, with what a test does not care about filled in."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network
from typing import Any

from submariner_core.api.model import (
    Cluster,
    ClusterObject,
    Endpoint,
    EndpointObject,
    Gateway,
    GatewayEntry,
    GatewayObject,
    HAStatus,
    Metadata,
)
from submariner_core.api.naming import cable_name, endpoint_name


def endpoint(cluster_id: str = "west", number: int = 1, **fields: Any) -> Endpoint:
    """The endpoint of gateway ``number`` (1..254) of a cluster; ``subnets`` may be texts."""
    private_ip = IPv4Address(f"192.0.2.{number}")
    fields["subnets"] = tuple(map(ip_network, fields.pop("subnets", ())))
    values: dict[str, Any] = {
        "cluster_id": cluster_id,
        "cable_name": cable_name(cluster_id, private_ip),
        "hostname": f"{cluster_id}-gw{number}",
        "private_ip": private_ip,
        "public_ip": None,
        "nat_enabled": False,
        "backend": "vxlan",
    }
    return Endpoint(**{**values, **fields})


def stored_endpoint(
    spec: Endpoint | None = None, created: str = "1", origin: str | None = None, **fields: Any
) -> EndpointObject:
    """An Endpoint as a store has it."""
    spec = spec or endpoint()
    name = endpoint_name(spec.cluster_id, spec.cable_name)
    return EndpointObject(Metadata(name, origin, created), spec, **fields)


def stored_cluster(
    cluster_id: str = "west", epoch: int | None = None, created: str = "1", **fields: Any
) -> ClusterObject:
    """A Cluster as a store has it."""
    meta = Metadata(cluster_id, created=created, **fields)
    return ClusterObject(meta, Cluster(cluster_id, (), ()), epoch)


def entry(number: int, slot: int, cluster_id: str = "west") -> GatewayEntry:
    """A line of a gateway list."""
    return GatewayEntry(endpoint(cluster_id, number), slot)


def stored_gateway(number: int, cluster_id: str = "west", **status: Any) -> GatewayObject:
    """A Gateway as a store has it."""
    local = endpoint(cluster_id, number)
    status.setdefault("ha_status", HAStatus.PASSIVE)
    return GatewayObject(Metadata(local.hostname), Gateway("v", local_endpoint=local, **status))
