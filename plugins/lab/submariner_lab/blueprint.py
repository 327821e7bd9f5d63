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
    """A node and its pod. ``pod_subnet`` is the node's part of the cluster CIDR.

    ``public`` is a gateway's address on the router that its cluster stands behind, if it does.
    """

    cluster_id: str
    number: int
    candidate: bool
    pod_netns: str
    pod_subnet: IPv4Network
    cni_address: IPv4Address
    pod_address: IPv4Address
    public: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class ClusterSite:
    """A cluster. Its ClusterIP is served by the pod of the node ``backend``.

    With a ``router`` its nodes are on a network of their own, ``lan``.
    """

    cluster_id: str
    cluster_cidr: IPv4Network
    service_cidr: IPv4Network
    cluster_ip: IPv4Address
    store: Member
    nodes: tuple[NodeSite, ...]
    lan: IPv4Network = UNDERLAY
    router: Member | None = None

    @property
    def gateway_address(self) -> IPv4Address:
        """Where the nodes' default route leads."""
        return WAN_ADDRESS if self.router is None else self.lan[-2]

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
        return (*self.stores, *self.routers, *self.nodes)

    @property
    def routers(self) -> tuple[Member, ...]:
        """The routers of the clusters that have one."""
        return tuple(c.router for c in self.clusters if c.router is not None)

    def switch_of(self, node: NodeSite) -> str:
        """The namespace with the bridge that a node is plugged into."""
        router = self.cluster_of(node).router
        return self.wan_netns if router is None else router.netns

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
    hidden = name in spec.nat
    lan = IPv4Network(f"192.168.{number}.0/24") if hidden else UNDERLAY
    return ClusterSite(
        cluster_id=name,
        cluster_cidr=IPv4Network(f"10.{number}.0.0/16"),
        service_cidr=IPv4Network(f"100.{number}.0.0/16"),
        cluster_ip=IPv4Address(f"100.{number}.0.10"),
        store=Member(
            f"{name}-store", f"{prefix}-{name}-store", IPv4Address(f"172.31.{number}.250")
        ),
        nodes=tuple(_node(prefix, name, number, n, spec) for n in range(1, spec.nodes + 1)),
        lan=lan,
        router=Member(
            f"{name}-router", f"{prefix}-{name}-router", IPv4Address(f"172.31.{number}.251")
        )
        if hidden
        else None,
    )


def _node(prefix: str, name: str, number: int, n: int, spec: LabSpec) -> NodeSite:
    hidden, candidate = name in spec.nat, n <= spec.gateways
    outside = IPv4Address(f"172.31.{number}.{n}")
    return NodeSite(
        name=f"{name}-{n}",
        netns=f"{prefix}-{name}-{n}",
        address=IPv4Address(f"192.168.{number}.{n}") if hidden else outside,
        cluster_id=name,
        number=n,
        candidate=candidate,
        pod_netns=f"{prefix}-{name}-{n}-pod",
        pod_subnet=IPv4Network(f"10.{number}.{n}.0/24"),
        cni_address=IPv4Address(f"10.{number}.{n}.1"),
        pod_address=IPv4Address(f"10.{number}.{n}.2"),
        public=outside if hidden and candidate else None,
    )
