"""The objects of ``submariner.io/v1`` as frozen values (compat.md 1.1), with what we annotate.

Addresses are :mod:`ipaddress` values; durations are seconds as ``float``. ``extra`` holds fields
of a newer peer that we read and do not know: they survive a round trip through the codec.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from submariner_core.api.naming import IPAddress, IPNetwork

Extra = Mapping[str, object]


class HAStatus(enum.StrEnum):
    """Whether a gateway is the one that writes."""

    ACTIVE = "active"
    PASSIVE = "passive"


class ConnectionStatus(enum.StrEnum):
    """State of a connection as upstream names it."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    ERROR = "error"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster's identity and CIDRs."""

    cluster_id: str
    service_cidr: tuple[IPNetwork, ...]
    cluster_cidr: tuple[IPNetwork, ...]
    global_cidr: tuple[IPNetwork, ...] = ()
    color_codes: tuple[str, ...] = ("blue",)
    extra: Extra = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a gateway is reached and what lies behind it.

    The order of ``subnets`` matters: service CIDRs first, then cluster CIDRs; peers that name
    child SAs by index depend on it. Nothing that changes at run time belongs in
    ``backend_config``: upstream peers tear the cable down on any difference there.
    """

    cluster_id: str
    cable_name: str
    hostname: str
    subnets: tuple[IPNetwork, ...]
    private_ip: IPAddress
    public_ip: IPAddress | None
    nat_enabled: bool
    backend: str
    backend_config: Mapping[str, str] = field(default_factory=dict, hash=False)
    health_check_ip: IPAddress | None = None
    extra: Extra = field(default_factory=dict, hash=False)

    @property
    def gateway_ip(self) -> IPAddress:
        """The public address if there is one, otherwise the private one."""
        return self.public_ip or self.private_ip


@dataclass(frozen=True, slots=True)
class LatencyRTT:
    """Round-trip times in nanoseconds, rendered as Go durations on the wire."""

    last: int = 0
    min: int = 0
    average: int = 0
    max: int = 0
    std_dev: int = 0


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection as a gateway reports it."""

    status: ConnectionStatus
    status_message: str
    endpoint: Endpoint
    using_ip: IPAddress | None = None
    using_nat: bool = False
    latency: LatencyRTT | None = None
    extra: Extra = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """One live gateway of a cluster, in the list its leader publishes."""

    endpoint: Endpoint
    slot: int


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of the active gateway or of a path, kept for the operator at 3 am.

    ``time`` is an RFC 3339 string of the writer's wall clock: for people, never for a decision.
    """

    time: str
    subject: str
    before: str
    after: str
    epoch: int
    cause: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a gateway says of itself, active or passive."""

    version: str
    ha_status: HAStatus
    local_endpoint: Endpoint
    status_failure: str = ""
    connections: tuple[Connection, ...] = ()
    slot: int = 0
    ready: bool = False
    draining: bool = False
    epoch: int | None = None
    transitions: tuple[Transition, ...] = ()
    extra: Extra = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class RemoteStatus:
    """A route agent's own view of one remote endpoint."""

    status: ConnectionStatus
    status_message: str
    endpoint: Endpoint
    latency: LatencyRTT | None = None


@dataclass(frozen=True, slots=True)
class RouteAgent:
    """What a node's route agent says: its address on the underlay, whom it sends through.

    ``carries`` is the host name of the gateway it sends through now, empty while there is none.
    """

    version: str
    address: IPAddress
    status_failure: str = ""
    remote_endpoints: tuple[RemoteStatus, ...] = ()
    carries: str = ""
    transitions: tuple[Transition, ...] = ()
    extra: Extra = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What surrounds a value in a store.

    ``origin`` is the cluster id label: ``None`` on an object that was made in this very store's
    cluster. ``created`` sorts by arrival in that one store and means nothing in another.
    """

    name: str
    origin: str | None = None
    created: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ClusterObject:
    """A stored Cluster and its fencing epoch (``None``: an upstream peer, which has none)."""

    meta: Metadata
    spec: Cluster
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointObject:
    """A stored Endpoint.

    ``gateways`` is the list of its cluster's live gateways, leader first; ``None`` for an upstream
    peer, to which nobody opens standby cables. ``claimed`` orders prefix claims, lower first;
    ``refused`` are subnets that no node of this cluster may route. Both are the own leader's
    notes on its copy.
    """

    meta: Metadata
    spec: Endpoint
    epoch: int | None = None
    gateways: tuple[GatewayEntry, ...] | None = None
    claimed: str | None = None
    refused: tuple[IPNetwork, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayObject:
    """A stored Gateway."""

    meta: Metadata
    status: Gateway


@dataclass(frozen=True, slots=True)
class RouteAgentObject:
    """A stored RouteAgent; its name is the node's name, unsanitised."""

    meta: Metadata
    status: RouteAgent


StoredObject = ClusterObject | EndpointObject | GatewayObject | RouteAgentObject
