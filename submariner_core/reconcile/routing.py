"""A gateway's routing: from the paths that carry to routes, nexthop objects and rules.

The tables (design.md section 5):

* 100: every admitted remote prefix through its cluster's nexthop object, or ``unreachable``.
* 101: what came in through a cable never leaves through a cable, nor over the overlay.
* 102: each remote gateway's health-check IP through that gateway's own path, for what this gateway
  itself sends. A health-check IP is its node's address to host-network processes as well: what is
  forwarded there goes where its prefix goes, or a cut cable would cut it off.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from submariner_core.api.cable import Path
from submariner_core.api.naming import IPAddress, IPNetwork
from submariner_core.api.network import Nexthop, Route, RouteType, Rule

CABLE_TABLE = 100
ARRIVED_TABLE = 101
PROBE_TABLE = 102
MAIN_TABLE = 254
OVERLAY_DEVICE = "vx-submariner"

OWN_PRIORITY = 98
ARRIVED_PRIORITY = 99
CABLE_PRIORITY = 100
OVERLAY_ENDS_PRIORITY = 101

TABLES = (CABLE_TABLE, ARRIVED_TABLE, PROBE_TABLE)

LARGEST_MTU = 65520
"""The most that the kernel keeps with a route; it cuts what is above."""

NEXTHOP_BASE = 0x5A000000
NEXTHOP_MASK = 0x00FFFFFF


@dataclass(frozen=True, slots=True)
class ProbePath:
    """A remote gateway's health-check IP and the path that leads to that very gateway."""

    address: IPAddress
    path: Path


@dataclass(frozen=True, slots=True)
class ClusterRouting:
    """One remote cluster: its admitted prefixes, what carries (if anything), how to probe.

    ``mtu`` is the least of all paths that may carry, so that a move changes no route; ``None``
    where none says. ``left`` are destinations that an earlier process may have programmed and this
    one has not yet taken over: they are not touched, so that a restart changes nothing.
    """

    cluster_id: str
    prefixes: tuple[IPNetwork, ...]
    carries: Path | None
    probes: tuple[ProbePath, ...] = ()
    left: tuple[IPNetwork, ...] = ()
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """All that the gateway process programs beside its devices. Each part is sorted.

    ``left``: see :class:`ClusterRouting`.
    """

    nexthops: tuple[Nexthop, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    left: frozenset[IPNetwork] = frozenset()


def nexthop_ids(cluster_ids: Collection[str]) -> Mapping[str, int]:
    """A nexthop id for each cluster, the same in every process that knows the same clusters."""
    taken: dict[int, str] = {}
    for cluster_id in sorted(cluster_ids):
        number = zlib.crc32(cluster_id.encode()) & NEXTHOP_MASK
        while number in taken:
            number = (number + 1) & NEXTHOP_MASK
        taken[number] = cluster_id
    return {cluster_id: NEXTHOP_BASE | number for number, cluster_id in taken.items()}


def least_mtu(paths: Iterable[Path]) -> int | None:
    """The MTU that fits all of these paths; ``None`` where none of them says."""
    least = min((path.mtu for path in paths if path.mtu > 0), default=None)
    return None if least is None else min(least, LARGEST_MTU)


def is_own_nexthop(number: int) -> bool:
    """Whether a nexthop id is out of the gateway's range."""
    return number & ~NEXTHOP_MASK == NEXTHOP_BASE


def is_own_rule(rule: Rule) -> bool:
    """Whether a rule is the gateway's to keep or remove (upstream's ``from all`` one included)."""
    if rule.table == ARRIVED_TABLE:
        return rule.priority == ARRIVED_PRIORITY
    if rule.priority == OWN_PRIORITY:
        return rule.table == CABLE_TABLE
    if rule.table in {CABLE_TABLE, PROBE_TABLE}:
        return rule.priority == CABLE_PRIORITY
    if rule.table == MAIN_TABLE:
        return rule.priority == CABLE_PRIORITY and rule.incoming == OVERLAY_DEVICE
    return rule.priority == OVERLAY_ENDS_PRIORITY and rule.incoming == OVERLAY_DEVICE


def routing(
    clusters: Sequence[ClusterRouting],
    own_probe: IPv4Address | None,
    cable_devices: Collection[str],
    own_prefixes: Collection[IPNetwork] = (),
    underlay: str | None = None,
) -> Routing:
    """What should be programmed. ``own_probe`` is the own health-check IP, source of own traffic.

    ``own_prefixes`` are the own cluster CIDRs. They stay reachable from the overlay: what an own
    pod sends out *over* it, the kernel forwards only if a packet coming back the same way would
    find the pod (reverse path, with the outgoing device as the incoming one).
    A cable over the ``underlay`` device itself arrives where the own pods of other nodes are
    reached as well: what these send is told from what came in through the cable by its source.
    A prefix that several clusters hold goes to the first: admission leaves one claimant each.
    """
    ids = nexthop_ids([cluster.cluster_id for cluster in clusters])
    nexthops: list[Nexthop] = []
    routes: dict[tuple[int, IPNetwork], Route] = {}
    left: set[IPNetwork] = set()
    rules: set[Rule] = {
        Rule(CABLE_PRIORITY, CABLE_TABLE, incoming=OVERLAY_DEVICE),
        Rule(OVERLAY_ENDS_PRIORITY, None, incoming=OVERLAY_DEVICE),
    }
    rules.update(
        Rule(ARRIVED_PRIORITY, ARRIVED_TABLE, incoming=device) for device in cable_devices
    )
    if underlay in cable_devices:
        rules.update(
            Rule(OWN_PRIORITY, CABLE_TABLE, source=prefix, incoming=underlay)
            for prefix in own_prefixes
        )
    rules.update(
        Rule(CABLE_PRIORITY, MAIN_TABLE, destination=prefix, incoming=OVERLAY_DEVICE)
        for prefix in own_prefixes
    )
    for cluster in clusters:
        number = ids[cluster.cluster_id]
        left.update(cluster.left)
        if cluster.carries is not None:
            nexthops.append(Nexthop(number, cluster.carries.device, cluster.carries.via))
        for prefix in cluster.prefixes:
            if prefix in left:
                continue
            routes.setdefault((ARRIVED_TABLE, prefix), _unreachable(prefix, ARRIVED_TABLE))
            if cluster.carries is None:
                route = _unreachable(prefix, CABLE_TABLE)
            else:
                route = Route(
                    prefix, CABLE_TABLE, nexthop=number, source=own_probe, mtu=cluster.mtu
                )
            routes.setdefault((CABLE_TABLE, prefix), route)
        for probe in cluster.probes:
            host = IPv4Network(f"{probe.address}/32")
            routes.setdefault(
                (PROBE_TABLE, host),
                Route(
                    host,
                    PROBE_TABLE,
                    device=probe.path.device,
                    via=probe.path.via,
                    source=own_probe,
                    mtu=least_mtu([probe.path]),
                ),
            )
            if own_probe is not None:
                own = IPv4Network(f"{own_probe}/32")
                rules.add(Rule(CABLE_PRIORITY, PROBE_TABLE, source=own, destination=host))
    return Routing(
        nexthops=tuple(sorted(nexthops, key=lambda nexthop: nexthop.id)),
        routes=tuple(routes[key] for key in sorted(routes, key=_order)),
        rules=tuple(sorted(rules, key=_rule_order)),
        left=frozenset(left),
    )


def _unreachable(prefix: IPNetwork, table: int) -> Route:
    return Route(prefix, table, type=RouteType.UNREACHABLE)


def _order(key: tuple[int, IPNetwork]) -> tuple[int, int, int, int]:
    table, prefix = key
    return table, prefix.version, int(prefix.network_address), prefix.prefixlen


def _rule_order(rule: Rule) -> tuple[int, str, str, str]:
    return rule.priority, rule.incoming or "", str(rule.source), str(rule.destination)


@dataclass(frozen=True, slots=True)
class Ensure:
    """Make one thing so."""

    thing: Nexthop | Route | Rule


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove one thing of ours."""

    thing: Nexthop | Route | Rule


Change = Ensure | Remove


def changes(have: Routing, want: Routing) -> tuple[Change, ...]:
    """What leads from ``have`` to ``want``, in an order that never leaves a packet without a way.

    Nexthops first, since moving one moves its routes; then what points at them; removals last and
    the other way round. What ``want`` leaves to an earlier process is not touched.
    """
    things: list[Change] = []
    old_nexthops = {nexthop.id: nexthop for nexthop in have.nexthops}
    things += [Ensure(n) for n in want.nexthops if old_nexthops.get(n.id) != n]
    old_routes = {(r.table, r.destination): r for r in have.routes}
    things += [Ensure(r) for r in want.routes if old_routes.get((r.table, r.destination)) != r]
    old_rules = set(have.rules)
    things += [Ensure(rule) for rule in want.rules if rule not in old_rules]

    wanted_rules = set(want.rules)
    things += [
        Remove(rule)
        for rule in have.rules
        if rule not in wanted_rules
        and rule.destination not in want.left
        # which devices are ours is known once every cable of an earlier process is taken over
        and not (want.left and rule.priority <= ARRIVED_PRIORITY)
    ]
    wanted_routes = {(route.table, route.destination) for route in want.routes}
    gone = [
        route
        for route in have.routes
        if (route.table, route.destination) not in wanted_routes
        and route.destination not in want.left
    ]
    things += [Remove(route) for route in gone]
    wanted_ids = {nexthop.id for nexthop in want.nexthops}
    still_used = {r.nexthop for r in have.routes if r.destination in want.left}
    things += [
        Remove(nexthop)
        for nexthop in have.nexthops
        if nexthop.id not in wanted_ids and nexthop.id not in still_used
    ]
    return tuple(things)


def outcome(have: Routing, want: Routing) -> Routing:
    """What is there once the :func:`changes` are made: ``want``, and what it leaves alone."""
    gone = {change.thing for change in changes(have, want) if isinstance(change, Remove)}
    nexthops = {n.id: n for n in (*have.nexthops, *want.nexthops) if n not in gone}
    routes = {(r.table, r.destination): r for r in (*have.routes, *want.routes) if r not in gone}
    rules = dict.fromkeys(r for r in (*have.rules, *want.rules) if r not in gone)
    return Routing(tuple(nexthops.values()), tuple(routes.values()), tuple(rules), want.left)
