"""What a node does with cross-cluster traffic: a pure function of what the datastore holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from submariner_core.api.cable import IP_PROTOCOL
from submariner_core.api.model import (
    EndpointObject,
    GatewayObject,
    RouteAgentObject,
)
from submariner_core.api.naming import OVERLAY_OCTET, SLOTS, IPAddress, IPNetwork, tunnel_address
from submariner_core.api.route import NodePlan, NodeState, OverlayPeer
from submariner_core.api.transport import Kind, Ref
from submariner_core.reconcile.admission import OwnNetwork, Refusal, admit
from submariner_core.reconcile.endpoints import choose_endpoint
from submariner_core.reconcile.paths import Choice, Memory, Verdict, choose_path, inherit
from submariner_core.reconcile.remotes import cluster_object, holds, underlay_addresses
from submariner_core.reconcile.stores import REMEMBER, StoreView


@dataclass(frozen=True, slots=True)
class NodeSite:
    """What does not change while a route agent runs: its node and its cluster's ranges.

    ``reserved`` are addresses that no remote prefix may contain. ``evidence``: the node leaves a
    gateway that does not answer its probes, and does not wait for a new leader.
    """

    cluster_id: str
    node: OverlayPeer
    cluster_cidr: tuple[IPNetwork, ...]
    service_cidr: tuple[IPNetwork, ...]
    global_cidr: tuple[IPNetwork, ...] = ()
    reserved: tuple[IPAddress, ...] = ()
    evidence: bool = True


@dataclass(frozen=True, slots=True)
class NodeView:
    """All that a node's plan depends on.

    ``store`` has Clusters, Endpoints and Gateways, ``agents`` RouteAgents (read on gateway nodes
    only). ``chosen`` is what the last decision used of each cluster. ``silent`` are cable names
    of remote endpoints that do not answer this node's probes; ``verdicts`` what its probes say of
    the own cluster's gateways, by host name; ``path`` what the last choice among them was.
    ``found`` is what the node held when this process came, until something carries.
    """

    site: NodeSite
    store: StoreView = field(default_factory=StoreView)
    agents: StoreView = field(default_factory=StoreView)
    chosen: Mapping[str, EndpointObject] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    path: Memory = field(default_factory=Memory)
    found: NodeState | None = None


@dataclass(frozen=True, slots=True)
class NodeDecision:
    """The plan, ``None`` while too little is known to touch anything, and what led to it.

    ``chosen`` is the Endpoint in use of each cluster, the own one included; ``remotes`` those of
    other clusters that are admitted. ``wake_at`` is when (boot clock) to decide again though
    nothing may have happened; ``cause`` is why what carries changed, if it did.
    """

    plan: NodePlan | None
    chosen: Mapping[str, EndpointObject] = field(default_factory=dict)
    remotes: tuple[EndpointObject, ...] = ()
    refused: tuple[Refusal, ...] = ()
    wake_at: float | None = None
    path: Memory = field(default_factory=Memory)
    cause: str = ""


def decide(view: NodeView, now: float) -> NodeDecision:
    """What the node should do at ``now`` (seconds of the boot clock).

    Nothing before the first Snapshot, nor before the own cluster's Endpoint was seen once: what an
    earlier process programmed stays as it is until then.
    """
    if not view.store.seen:
        return NodeDecision(None, path=view.path)
    site = view.site
    chosen, wake_at = endpoints_in_use(view, now)
    own = chosen.get(site.cluster_id)
    if own is None and site.cluster_id not in view.chosen:
        return NodeDecision(None, chosen, wake_at=wake_at, path=view.path)
    upstream_leads = own is not None and own.epoch is None  # it copies and claims nothing
    remotes = tuple(
        endpoint
        for cluster_id, endpoint in sorted(chosen.items())
        if cluster_id != site.cluster_id and (upstream_leads or endpoint.claimed is not None)
    )
    admission = admit(_own_network(view), remotes)
    gateways = gateways_of(own)
    on_gateway = is_gateway(view, gateways, now)
    choice = choose_gateway(view, gateways, own.epoch if own is not None else None, now)
    plan = NodePlan(
        node=site.node,
        on_gateway=on_gateway,
        gateways=gateways,
        carries=next((one for one in gateways if one.hostname == choice.carries), None),
        remote_prefixes=tuple(p for prefixes in admission.admitted.values() for p in prefixes),
        cluster_cidr=site.cluster_cidr,
        service_cidr=site.service_cidr,
        peers=_peers(view, now) if on_gateway else (),
        cable_ports=_cable_ports(view, now) if on_gateway else (),
        cable_protocols=_cable_protocols(view, now) if on_gateway else (),
    )
    # An own Endpoint that is past its hold is still remembered: the node has had a plan.
    remembered = {site.cluster_id: view.chosen[site.cluster_id]} if own is None else {}
    return NodeDecision(
        plan,
        {**remembered, **chosen},
        remotes,
        admission.refused,
        min((at for at in (wake_at, choice.wake_at) if at is not None), default=None),
        choice.memory,
        choice.cause,
    )


def choose_gateway(
    view: NodeView, gateways: Sequence[OverlayPeer], epoch: int | None, now: float
) -> Choice:
    """The gateway to send through: the leader, who stands first, unless evidence speaks against.

    A gateway node has no doubts of itself.
    """
    names = [one.hostname for one in gateways]
    verdicts = {
        one.hostname: Verdict.UP
        if one.address == view.site.node.address
        else view.verdicts.get(one.hostname, Verdict.UNKNOWN)
        for one in gateways
    }
    leader = names[0] if names else None
    path = view.path
    if path.carries is None:
        carried = inherited(gateways, view.found)
        path = inherit(carried.hostname, now) if carried is not None else path
    return choose_path(path, leader, names, epoch, verdicts, now, evidence=view.site.evidence)


def inherited(gateways: Iterable[OverlayPeer], found: NodeState | None) -> OverlayPeer | None:
    """The gateway that an earlier process sent through."""
    if found is None or found.via is None:
        return None
    for one in gateways:
        address = one.address
        if isinstance(address, IPv4Address) and overlay_address(address) == found.via:
            return one
    return None


def overlay_address(address: IPv4Address) -> IPv4Address:
    """The address on the overlay of the node with this one on the underlay."""
    return tunnel_address(address, OVERLAY_OCTET).ip


def endpoints_in_use(
    view: NodeView, now: float
) -> tuple[Mapping[str, EndpointObject], float | None]:
    """The Endpoint in use of each cluster, held ones included, and when the next hold ends.

    One whose stored record cannot be read stays in use as it was before.
    """
    store, own_id = view.store, view.site.cluster_id
    stored: dict[str, list[EndpointObject]] = {}
    for endpoint in store.endpoints():
        if endpoint.spec.cluster_id != own_id or endpoint.meta.origin is None:
            stored.setdefault(endpoint.spec.cluster_id, []).append(endpoint)
    for cluster_id, endpoint in view.chosen.items():
        if Ref(Kind.ENDPOINT, endpoint.meta.name) in store.malformed:
            stored.setdefault(cluster_id, []).append(endpoint)
    in_use: dict[str, EndpointObject] = {}
    for cluster_id, endpoints in stored.items():
        cluster = cluster_object(store, cluster_id)
        chosen = choose_endpoint(cluster, endpoints, view.chosen.get(cluster_id))
        if chosen is not None:
            in_use[cluster_id] = chosen
    gone = [one.stored for one in store.departed.values()]
    answered = {one.spec.cable_name for one in gone if isinstance(one, EndpointObject)}
    # What no gateway admitted takes nothing from one that is held.
    claims = [one for one in in_use.values() if one.claimed or one.spec.cluster_id == own_id]
    held, wake_at = holds(store.departed.values(), claims, frozenset(answered - view.silent), now)
    for endpoint in held:
        in_use.setdefault(endpoint.spec.cluster_id, endpoint)
    return in_use, wake_at


def gateways_of(endpoint: EndpointObject | None) -> tuple[OverlayPeer, ...]:
    """The live gateways of an Endpoint's cluster, leader first; itself where it lists none."""
    if endpoint is None:
        return ()
    if endpoint.epoch is None:  # upstream's, with a route agent of either beside it
        return (OverlayPeer(endpoint.spec.hostname, endpoint.spec.private_ip, asked=True),)
    listed = (entry.endpoint for entry in endpoint.gateways or ())
    peers = {
        one.private_ip: OverlayPeer(one.hostname, one.private_ip)
        for one in (endpoint.spec, *listed)
    }
    return tuple(peers.values())


def is_gateway(view: NodeView, gateways: Iterable[OverlayPeer], now: float) -> bool:
    """Whether this node is a gateway: it is listed, or has a Gateway of its own."""
    node = view.site.node
    own = (gateway.status.local_endpoint for gateway in _gateways(view, now))
    names = {one.hostname for one in own} | {one.hostname for one in gateways}
    return node.hostname in names or any(one.address == node.address for one in gateways)


def overlay_probes(decision: NodeDecision) -> Mapping[str, tuple[IPv4Address, bool]]:
    """Each other gateway's address on the overlay by host name, and whether it carries."""
    plan = decision.plan
    if plan is None:
        return {}
    carries = plan.carries.hostname if plan.carries is not None else None
    return {
        one.hostname: (
            overlay_address(one.address),
            one.hostname == carries,
        )
        for one in plan.gateways
        if isinstance(one.address, IPv4Address) and one.address != plan.node.address
    }


def _gateways(view: NodeView, now: float) -> tuple[GatewayObject, ...]:
    """The Gateways, with those that a wiped store lacks until they are written again."""
    return (*view.store.missing(GatewayObject, now, REMEMBER), *view.store.gateways())


def _peers(view: NodeView, now: float) -> tuple[OverlayPeer, ...]:
    node = view.site.node
    agents = (
        *view.agents.missing(RouteAgentObject, now, REMEMBER),
        *view.agents.route_agents(),
    )
    peers = {agent.status.address: agent.meta.name for agent in agents}
    return tuple(
        OverlayPeer(name, address)
        for address, name in peers.items()
        if address != node.address and name != node.hostname
    )


def _own_network(view: NodeView) -> OwnNetwork:
    site = view.site
    nodes = [agent.status.address for agent in view.agents.route_agents()]
    underlay = underlay_addresses(view.store, site.cluster_id)
    reserved = (site.node.address, *nodes, *site.reserved, *underlay)
    cidrs = (*site.cluster_cidr, *site.service_cidr, *site.global_cidr)
    return OwnNetwork(site.cluster_id, cidrs, reserved)


def _cable_ports(view: NodeView, now: float) -> tuple[int, ...]:
    """The UDP ports of this node's cables, each with the ports of all slots, and NAT discovery's.

    A driver's own port is under ``udp-port``, that of a further driver under ``NAME/udp-port``.
    """
    ports: set[int] = set()
    for name, first in _advertised(view, now):
        if name in {"udp-port", "natt-discovery-port"}:
            span = SLOTS if name == "udp-port" else range(1)
            ports.update(first + slot for slot in span if 0 < first + slot <= 65535)
    return tuple(sorted(ports))


def _cable_protocols(view: NodeView, now: float) -> tuple[int, ...]:
    """The protocols above IP that this node's cables use beside UDP."""
    found = {number for name, number in _advertised(view, now) if name == IP_PROTOCOL}
    return tuple(sorted(number for number in found if 0 < number < 255))


def _advertised(view: NodeView, now: float) -> Iterator[tuple[str, int]]:
    """The numbers that this node's own gateway advertises, whatever the driver."""
    node = view.site.node
    for gateway in _gateways(view, now):
        endpoint = gateway.status.local_endpoint
        if node.hostname != endpoint.hostname and node.address != endpoint.private_ip:
            continue
        for key, text in endpoint.backend_config.items():
            if text.isascii() and text.isdecimal():
                yield key.rpartition("/")[2], int(text)
