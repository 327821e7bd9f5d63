"""``Cluster.spec`` and ``EndpointSpec``, from JSON and back."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from submariner_core.api.codec_fields import CLUSTER_ID, NAME, Fields
from submariner_core.api.model import Cluster, Endpoint
from submariner_core.api.naming import DETOUR_SUFFIX, IPAddress, IPNetwork, cable_name


def read_cluster(fields: Fields) -> Cluster:
    """A Cluster from its ``spec``."""
    return Cluster(
        cluster_id=fields.matching("cluster_id", CLUSTER_ID, "a cluster id"),
        service_cidr=fields.networks("service_cidr"),
        cluster_cidr=fields.networks("cluster_cidr"),
        global_cidr=fields.networks("global_cidr"),
        color_codes=fields.texts("color_codes"),
        extra=fields.rest(),
    )


def write_cluster(cluster: Cluster) -> dict[str, object]:
    """A Cluster's ``spec``."""
    written: dict[str, object] = {
        **cluster.extra,
        "cluster_id": cluster.cluster_id,
        "service_cidr": _texts(cluster.service_cidr),
        "cluster_cidr": _texts(cluster.cluster_cidr),
        "global_cidr": _texts(cluster.global_cidr),
    }
    if cluster.color_codes:
        written["color_codes"] = list(cluster.color_codes)
    return written


def read_endpoint(fields: Fields, *, listed: bool = False) -> Endpoint:
    """An Endpoint from an EndpointSpec.

    The cable name must be the one that its cluster id and private IP give: cables are told apart
    by it, and nobody shall name theirs like another cluster's. One that is ``listed`` may be a
    gateway's second.
    """
    cluster_id = fields.matching("cluster_id", CLUSTER_ID, "a cluster id")
    cable = fields.matching("cable_name", NAME, "a cable name")
    private_ip = fields.address("private_ip", plural="privateIPs")
    if private_ip is None:
        raise fields.malformed("private_ip", "is required")
    expected = cable_name(cluster_id, private_ip)
    name = cable.removesuffix(DETOUR_SUFFIX) if listed else cable
    if isinstance(private_ip, IPv4Address) and name != expected:
        raise fields.malformed("cable_name", f"{cable[:80]!r} must be {expected!r}")
    return Endpoint(
        cluster_id=cluster_id,
        cable_name=cable,
        hostname=fields.matching("hostname", NAME, "a host name"),
        subnets=fields.networks("subnets"),
        private_ip=private_ip,
        public_ip=fields.address("public_ip", plural="publicIPs"),
        nat_enabled=fields.flag("nat_enabled"),
        backend=fields.matching("backend", NAME, "a cable driver's name"),
        backend_config=fields.text_map("backend_config"),
        health_check_ip=fields.address("healthCheckIP", plural="healthCheckIPs"),
        extra=fields.rest(),
    )


def write_endpoint(endpoint: Endpoint) -> dict[str, object]:
    """An EndpointSpec."""
    written: dict[str, object] = {
        **endpoint.extra,
        "cluster_id": endpoint.cluster_id,
        "cable_name": endpoint.cable_name,
        "hostname": endpoint.hostname,
        "subnets": _texts(endpoint.subnets),
        "private_ip": str(endpoint.private_ip),
        "public_ip": "" if endpoint.public_ip is None else str(endpoint.public_ip),
        "nat_enabled": endpoint.nat_enabled,
        "backend": endpoint.backend,
    }
    if endpoint.backend_config:
        written["backend_config"] = dict(endpoint.backend_config)
    if endpoint.health_check_ip is not None:
        written["healthCheckIP"] = str(endpoint.health_check_ip)
    return written


def _texts(values: Iterable[IPAddress | IPNetwork]) -> list[str]:
    return [str(value) for value in values]
