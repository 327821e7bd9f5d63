"""Names and addresses of everything in a lab: a pure function of its id and its spec."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from submariner_lab.spec import LabSpec, cluster_name

UNDERLAY = IPv4Network("172.31.0.0/16")
WAN_ADDRESS = IPv4Address("172.31.0.1")
BROKER_ADDRESS = IPv4Address("172.31.250.1")
STORE_PORT = 7070
PREFIX = "sublab"
"""Every namespace of lab ``id`` is called ``sublab-<id>-…``."""


@dataclass(frozen=True, slots=True)
class Member:
    """A namespace on the underlay. ``name`` is also its port on the bridge."""

    name: str
    netns: str
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class NodeSite(Member):
    """A node and its pod. ``pod_subnet`` is the node's part of the cluster CIDR."""

    cluster_id: str
    number: int
    candidate: bool
    pod_netns: str
    pod_subnet: IPv4Network
    cni_address: IPv4Address
    pod_address: IPv4Address


@dataclass(frozen=True, slots=True)
class ClusterSite:
    """A cluster. Its ClusterIP is served by the pod of the node ``backend``."""

    cluster_id: str
    cluster_cidr: IPv4Network
    service_cidr: IPv4Network
    cluster_ip: IPv4Address
    store: Member
    nodes: tuple[NodeSite, ...]

    @property
    def backend(self) -> NodeSite:
        """The node whose pod stands behind the ClusterIP: the last, a gateway only if all are."""
        return self.nodes[-1]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A whole lab."""

    lab_id: str
    wan_netns: str
    broker: Member
    clusters: tuple[ClusterSite, ...]

    @property
    def nodes(self) -> tuple[NodeSite, ...]:
        """Every node of every cluster."""
        return tuple(node for cluster in self.clusters for node in cluster.nodes)

    @property
    def stores(self) -> tuple[Member, ...]:
        """The broker and every cluster's store."""
        return (self.broker, *(cluster.store for cluster in self.clusters))

    @property
    def members(self) -> tuple[Member, ...]:
        """Everything with a port on the bridge."""
        return (*self.stores, *self.nodes)

    def cluster_of(self, node: NodeSite) -> ClusterSite:
        """The cluster that a node belongs to."""
        return next(c for c in self.clusters if c.cluster_id == node.cluster_id)


def draw(lab_id: str, spec: LabSpec) -> Blueprint:
    """The lab that a spec describes."""
    prefix = f"{PREFIX}-{lab_id}"
    return Blueprint(
        lab_id=lab_id,
        wan_netns=f"{prefix}-wan",
        broker=Member("broker", f"{prefix}-broker", BROKER_ADDRESS),
        clusters=tuple(_cluster(prefix, number, spec) for number in range(1, spec.clusters + 1)),
    )


def _cluster(prefix: str, number: int, spec: LabSpec) -> ClusterSite:
    name = cluster_name(number)
    return ClusterSite(
        cluster_id=name,
        cluster_cidr=IPv4Network(f"10.{number}.0.0/16"),
        service_cidr=IPv4Network(f"100.{number}.0.0/16"),
        cluster_ip=IPv4Address(f"100.{number}.0.10"),
        store=Member(
            f"{name}-store", f"{prefix}-{name}-store", IPv4Address(f"172.31.{number}.250")
        ),
        nodes=tuple(
            NodeSite(
                name=f"{name}-{n}",
                netns=f"{prefix}-{name}-{n}",
                address=IPv4Address(f"172.31.{number}.{n}"),
                cluster_id=name,
                number=n,
                candidate=n <= spec.gateways,
                pod_netns=f"{prefix}-{name}-{n}-pod",
                pod_subnet=IPv4Network(f"10.{number}.{n}.0/24"),
                cni_address=IPv4Address(f"10.{number}.{n}.1"),
                pod_address=IPv4Address(f"10.{number}.{n}.2"),
            )
            for n in range(1, spec.nodes + 1)
        ),
    )
