"""The gateway's plan: from its state to cables, routing, probes, and whether it is ready."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from submariner_core.api.cable import Cable, Path
from submariner_core.api.model import ConnectionStatus, HAStatus
from submariner_core.api.naming import IPAddress, IPNetwork
from submariner_core.api.network import Nexthop
from submariner_core.reconcile.admission import Admission, OwnNetwork, admit
from submariner_core.reconcile.cables import (
    CableKey,
    CablePlan,
    Connect,
    HeldCable,
    OwnSide,
    Step,
    plan_cables,
    steps,
)
from submariner_core.reconcile.nat_discovery import Peer
from submariner_core.reconcile.nat_peers import peers, waits
from submariner_core.reconcile.paths import Choice, Memory, Verdict, choose_path, inherit
from submariner_core.reconcile.remotes import Remote, own_endpoint_object, reserved_addresses
from submariner_core.reconcile.routing import (
    ClusterRouting,
    ProbePath,
    Routing,
    least_mtu,
    nexthop_ids,
    routing,
)
from submariner_core.reconcile.state import State

STRAYS = ""
"""The lane of cables whose cluster is not known (any more)."""


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """One remote cluster: who leads it, what is admitted, which cables, and which one carries."""

    remote: Remote
    prefixes: tuple[IPNetwork, ...]
    cables: CablePlan
    carrier: HeldCable | None
    choice: Choice


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """Probe ``address`` from ``source``; ``carries`` asks for the shorter interval."""

    address: IPv4Address
    source: IPv4Address | None
    carries: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What the gateway should do now.

    ``wake_at`` is when (boot clock) to plan again though nothing may have happened. ``reasons``
    say why the gateway is not ready to lead; none: it is. ``peers`` are whom NAT discovery looks
    for, by cable name.
    """

    clusters: Mapping[str, ClusterPlan] = field(default_factory=dict)
    admission: Admission | None = None
    steps: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    routing: Routing | None = None
    carriers: Mapping[str, CableKey] = field(default_factory=dict)
    probes: Mapping[str, ProbePlan] = field(default_factory=dict)
    wake_at: float | None = None
    reasons: tuple[str, ...] = ()
    peers: Mapping[str, Peer] = field(default_factory=dict)


def plan(
    state: State, found: Mapping[str, Remote], verdicts: Mapping[str, Verdict], now: float
) -> Plan:
    """The plan for ``state`` and the remotes in use; ``verdicts`` are the probes', by cable.

    Before the datastore has been read once nothing is known that could be acted on.
    """
    if state.own is None:
        return Plan(reasons=("the cable drivers are not open yet",))
    if not state.datastore.seen:
        return Plan(reasons=("the datastore has not been read yet",))
    own = own_side(state)
    admission = admit(
        OwnNetwork(
            cluster_id=state.cluster_id,
            cidrs=(
                *state.site.cluster.service_cidr,
                *state.site.cluster.cluster_cidr,
                *state.site.cluster.global_cidr,
            ),
            reserved=reserved_addresses(state),
        ),
        [remote.endpoint for remote in found.values()],
    )
    there = _Held(state.held.values())
    ids = nexthop_ids(found) if state.inherited else {}
    clusters = {
        cluster_id: _cluster(
            state,
            there,
            own,
            remote,
            admission.admitted.get(cluster_id, ()),
            state.inherited.get(ids.get(cluster_id, 0)),
            verdicts,
            now,
        )
        for cluster_id, remote in found.items()
    }
    sought = _sought(state, clusters)
    unmet = waits(sought, state.ways, state.asked, now)
    todo = _steps(state, clusters, now, unmet)
    moments = [cable.retry_at for cable in state.held.values() if cable.retry_at > now]
    choices = [one.choice.wake_at for one in clusters.values()]
    moments += [at for at in choices if at is not None]
    moments += unmet.values()
    carriers = {
        cluster_id: (one.carrier.driver, one.carrier.name)
        for cluster_id, one in clusters.items()
        if one.carrier
    }
    return Plan(
        clusters=clusters,
        admission=admission,
        steps=todo,
        routing=_routing(state, there, clusters),
        carriers=carriers,
        probes=_probes(state, clusters, frozenset(carriers.values())),
        wake_at=min(moments, default=None),
        reasons=tuple(_unready(state, clusters)),
        peers=sought,
    )


def own_side(state: State) -> OwnSide:
    """This gateway's place among its cluster's gateways."""
    assert state.own is not None
    mine = state.own.endpoint.cable_name
    current = own_endpoint_object(state)
    place: int | None = None
    leads = current is not None and current.spec.cable_name == mine
    if current is not None and not leads:
        names = [entry.endpoint.cable_name for entry in current.gateways or ()]
        place = names.index(mine) if mine in names else max(1, len(names))
    return OwnSide(
        endpoint=state.own.endpoint,
        place=place,
        leads=leads or (current is None and state.leadership.active),
        warm=state.site.warm,
        capabilities=state.site.capabilities,
        ways=state.ways,
    )


def _sought(state: State, clusters: Mapping[str, ClusterPlan]) -> Mapping[str, Peer]:
    if not state.site.discovers:
        return {}
    connected = (
        (one.cables.cables[0].driver, one.remote.endpoint)
        for one in clusters.values()
        if one.cables.cables
    )
    return peers(connected, state.site.capabilities)


class _Held:
    """The cables that are there, found without looking at each: there are many clusters."""

    def __init__(self, held: Iterable[HeldCable]) -> None:
        self._by_name: dict[str, list[HeldCable]] = {}
        self._by_cluster: dict[str, list[HeldCable]] = {}
        for cable in held:
            self._by_name.setdefault(cable.name, []).append(cable)
            if cable.cable is not None:
                self._by_cluster.setdefault(cable.cable.remote.cluster_id, []).append(cable)

    def named(self, names: Iterable[str]) -> list[HeldCable]:
        """Those of these names, by whatever driver."""
        return [cable for name in names for cable in self._by_name.get(name, ())]

    def to(self, cluster_id: str) -> list[HeldCable]:
        """Those to this cluster, save what is not taken over yet."""
        return self._by_cluster.get(cluster_id, [])


def _cluster(
    state: State,
    there: _Held,
    own: OwnSide,
    remote: Remote,
    prefixes: tuple[IPNetwork, ...],
    nexthop: Nexthop | None,
    verdicts: Mapping[str, Verdict],
    now: float,
) -> ClusterPlan:
    cluster_id = remote.endpoint.spec.cluster_id
    veto = state.vetoes.get(cluster_id)
    if veto is not None:
        cables = CablePlan(problem=veto)
    else:
        kept = state.kept_drivers.get(cluster_id)
        cables = plan_cables(own, remote.endpoint, kept, prefixes)
    ready = {cable.name: cable for cable in there.to(cluster_id) if cable.path is not None}
    names = [want.cable.name for want in cables.cables]
    _, current = state.carriers.get(cluster_id, (None, None))
    memory = state.paths.get(cluster_id) or Memory(carries=current)
    if memory.carries is None and nexthop is not None:
        inherited = _leads_to(nexthop, ready.values())
        if inherited is not None:
            memory = inherit(inherited, now)
        elif any(cable.inherited and not cable.error for cable in there.named(names)):
            # it may lead to one of these: until they are taken over, all stays as it is
            return ClusterPlan(remote, prefixes, cables, None, Choice(memory))
    choice = choose_path(
        memory,
        cables.leader,
        names,
        remote.endpoint.epoch,
        {name: verdicts.get(name, Verdict.UNKNOWN) for name in ready},
        now,
        evidence=state.site.evidence,
    )
    carrier = ready.get(choice.carries) if choice.carries is not None else None
    return ClusterPlan(remote, prefixes, cables, carrier, choice)


def _leads_to(nexthop: Nexthop, ready: Iterable[HeldCable]) -> str | None:
    """The name of the cable that a nexthop object sends into."""
    way = nexthop.device, nexthop.via
    paths = ((cable.name, cable.path) for cable in ready)
    return next((name for name, path in paths if path and (path.device, path.via) == way), None)


def _steps(
    state: State, clusters: Mapping[str, ClusterPlan], now: float, unmet: Collection[str]
) -> Mapping[str, tuple[Step, ...]]:
    """Steps by lane. A cable whose cluster is known waits its turn in that cluster's lane.

    Cables to those ``unmet`` are not made yet: their address may be another one in a moment.
    """
    routed = frozenset(state.carriers.values())
    lanes: dict[str, list[HeldCable]] = {cluster_id: [] for cluster_id in clusters}
    owner = {
        want.cable.name: cluster_id
        for cluster_id, one in clusters.items()
        for want in one.cables.cables
    }
    for cable in state.held.values():
        lane = owner.get(cable.name)
        if lane is None:
            lane = cable.cable.remote.cluster_id if cable.cable is not None else STRAYS
        lanes.setdefault(lane, []).append(cable)
    todo = {}
    for lane, held in lanes.items():
        wanted = clusters[lane].cables.cables if lane in clusters else ()
        planned = tuple(
            step
            for step in steps(wanted, held, routed, now, settled=state.datastore.seen)
            if not (isinstance(step, Connect) and step.cable.name in unmet)
        )
        if planned:
            todo[lane] = planned
    return todo


def _routing(state: State, there: _Held, clusters: Mapping[str, ClusterPlan]) -> Routing:
    assert state.own is not None
    own_probe = state.own.endpoint.health_check_ip
    parts = []
    for cluster_id, one in sorted(clusters.items()):
        held = there.named(want.cable.name for want in one.cables.cables)
        probes = tuple(
            ProbePath(address, path)
            for cable in held
            if cable.cable is not None
            and (path := _sends(state, cable)) is not None
            and (address := _probed(one, cable.cable)) is not None
        )
        parts.append(
            ClusterRouting(
                cluster_id,
                one.prefixes,
                _sends(state, one.carrier) if one.carrier is not None else None,
                probes,
                left=_left(one, held),
                mtu=least_mtu(cable.path for cable in held if cable.path is not None),
            )
        )
    paths = (*(cable.path for cable in state.held.values()), *state.detours.values())
    devices = {path.device for path in paths if path is not None}
    return routing(
        parts,
        own_probe if isinstance(own_probe, IPv4Address) else None,
        devices,
        state.site.cluster.cluster_cidr,
        state.own.underlay,
    )


def _sends(state: State, cable: HeldCable) -> Path | None:
    return state.detours.get((cable.driver, cable.name), cable.path)


def _left(one: ClusterPlan, held: Iterable[HeldCable]) -> tuple[IPNetwork, ...]:
    """What an earlier process programmed for this cluster, until its cables are taken over."""
    inherited = {cable.name for cable in held if cable.inherited}
    if not inherited:
        return ()
    hosts = [
        IPv4Network(f"{address}/32")
        for want in one.cables.cables
        if want.cable.name in inherited and (address := _probed(one, want.cable)) is not None
    ]
    prefixes = one.prefixes if one.carrier is None else ()
    return (*prefixes, *hosts)


def _probed(one: ClusterPlan | None, cable: Cable) -> IPv4Address | None:
    """The peer's health-check address, if it is its cluster's to be routed at all.

    Any other one would be a way to divert a single address past admission.
    """
    address = cable.probe_remote
    if one is None or not isinstance(address, IPv4Address):
        return None
    return address if any(address in prefix for prefix in one.prefixes) else None


def _probes(
    state: State, clusters: Mapping[str, ClusterPlan], carrying: frozenset[CableKey]
) -> Mapping[str, ProbePlan]:
    probes = {}
    for key, held in state.held.items():
        if held.cable is None or held.path is None:
            continue
        address = _probed(clusters.get(held.cable.remote.cluster_id), held.cable)
        target: IPAddress | None = address or held.path.via
        source = held.cable.probe_local if address is not None else None
        if isinstance(target, IPv4Address):
            probes[held.name] = ProbePlan(
                target,
                source if isinstance(source, IPv4Address) else None,
                key in carrying,
            )
    return probes


def _unready(state: State, clusters: Mapping[str, ClusterPlan]) -> Iterable[str]:
    for driver, reason in sorted(state.open_failures.items()):
        yield f"cable driver {driver}: {reason}"
    if state.routing_error:
        yield f"routing: {state.routing_error}"
    reached = _reached(state)
    for cluster_id, one in sorted(clusters.items()):
        for want in one.cables.cables:
            name = want.cable.name
            have = state.held.get((want.driver, name))
            if (have is None or have.path is None) and (reached is None or name in reached):
                yield f"cluster {cluster_id}: cable {name} is not up"
        if one.carrier is not None and cluster_id not in state.carriers:
            yield f"cluster {cluster_id}: not routed yet"


def _reached(state: State) -> frozenset[str] | None:
    """The cables that the active gateway has up, ``None`` if no other one is active.

    What it cannot reach either is no reason against whoever may succeed it.
    """
    assert state.own is not None
    others = [
        gateway.status
        for gateway in state.datastore.gateways()
        if gateway.status.ha_status is HAStatus.ACTIVE
        and gateway.status.local_endpoint.cable_name != state.own.endpoint.cable_name
    ]
    if not others:
        return None
    return frozenset(
        connection.endpoint.cable_name
        for gateway in others
        for connection in gateway.connections
        if connection.status is ConnectionStatus.CONNECTED
    )
