"""Where a node's cross-cluster traffic goes: one nexthop object, its routes, or rules instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from submariner_core.api.route import NodePlan, OverlayPeer
from submariner_core.kernel import Kernel, Nexthop, Route, Rule
from submariner_kubeproxy.overlay import DEVICE, entries, overlay_address

NEXTHOP = 0x5B000001
"""Our one nexthop object; the gateway process numbers its own from 0x5A000000."""
MAIN = 254
CABLES = 100
"""The gateway process's table: remote prefixes through cables."""
PRIORITY = 150
RETURN_PRIORITY = 98
"""Before the gateway process's own rules for what comes in over the overlay (100, 101)."""
UPSTREAM_TABLE = 150
"""Upstream's route agent: ``from all lookup 150``; both are replaced on adoption."""


@dataclass(frozen=True, slots=True)
class Steering:
    """What is programmed: either a nexthop object with routes, or rules to the cables' table."""

    nexthop: Nexthop | None
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()


def steering(plan: NodePlan, source: IPv4Address | None) -> Steering:
    """How ``plan`` is programmed; ``source`` is what the host itself sends from.

    The gateway that carries itself sends its own pods' and its own packets to the cables' table.
    Any other node sends them to the gateway that carries; while there is none they end in a
    blackhole instead of leaving by the default route.
    """
    own = [cidr for cidr in plan.cluster_cidr if isinstance(cidr, IPv4Network)]
    back = _way_back(own) if plan.on_gateway else ()
    if plan.carries_itself:
        rules = [Rule(PRIORITY, CABLES, source=cidr) for cidr in own]
        return Steering(None, rules=(*back, *rules, Rule(PRIORITY, CABLES, incoming="lo")))
    prefixes = [prefix for prefix in plan.remote_prefixes if isinstance(prefix, IPv4Network)]
    routes = [Route(prefix, MAIN, nexthop=NEXTHOP, source=source) for prefix in prefixes]
    return Steering(nexthop_to(plan.carries), tuple(routes), back)


def _way_back(own: Iterable[IPv4Network]) -> tuple[Rule, ...]:
    """Own pods are behind the CNI, even for what comes in over the overlay.

    The kernel's source check asks which way a packet's sender would be reached *from the device
    that the packet is about to leave by*. For pods of a gateway that does not carry this is the
    overlay, where the gateway process ends everything that is for no cable: without these rules
    not one packet of theirs would leave.
    """
    return tuple(Rule(RETURN_PRIORITY, MAIN, destination=cidr, incoming=DEVICE) for cidr in own)


def nexthop_to(gateway: OverlayPeer | None) -> Nexthop:
    """The nexthop object towards ``gateway``, or a blackhole."""
    if gateway is None:
        return Nexthop(NEXTHOP, None)
    return Nexthop(NEXTHOP, DEVICE, overlay_address(gateway).ip)


async def move(kernel: Kernel, gateway: OverlayPeer) -> bool:
    """Send to ``gateway`` from now on: what a node does first. True if anything changed."""
    neighbour, forwarding = entries(gateway)
    changed = neighbour is not None and await kernel.neighbours.ensure(neighbour)
    changed |= await kernel.fdb.ensure(forwarding)
    return await kernel.nexthops.ensure(nexthop_to(gateway)) or changed


async def steer(kernel: Kernel, wanted: Steering) -> bool:
    """Make the node steer so; the new way stands before the old one goes. True on any change."""
    changes = 0
    if wanted.nexthop is not None:
        changes += await kernel.nexthops.ensure(wanted.nexthop)
        changes += await kernel.routes.reconcile(MAIN, wanted.routes, is_own_route)
        changes += await kernel.rules.reconcile(wanted.rules, is_own_rule)
    else:
        changes += await kernel.rules.reconcile(wanted.rules, is_own_rule)
        changes += await kernel.routes.reconcile(MAIN, wanted.routes, is_own_route)
        changes += await kernel.nexthops.delete(NEXTHOP)
    changes += await kernel.routes.reconcile(UPSTREAM_TABLE, ())
    return changes > 0


async def sends_itself(kernel: Kernel) -> bool:
    """Whether what this node sends goes to the cables' table: it is the gateway that carries."""
    rules = await kernel.rules.list()
    return any(rule.priority == PRIORITY and rule.table == CABLES for rule in rules)


async def forget(kernel: Kernel) -> bool:
    """Remove every route, rule and nexthop object of ours. True if there were any."""
    return await steer(kernel, Steering(None))


def is_own_route(route: Route) -> bool:
    """Whether a route of table main is ours, or upstream's over the overlay."""
    return route.nexthop == NEXTHOP or (route.device == DEVICE and route.via is not None)


def is_own_rule(rule: Rule) -> bool:
    """Whether a rule is ours, or upstream's that stands in its place."""
    if rule.priority == RETURN_PRIORITY:
        return rule.incoming == DEVICE
    return rule.priority == PRIORITY and rule.table in {CABLES, UPSTREAM_TABLE}
