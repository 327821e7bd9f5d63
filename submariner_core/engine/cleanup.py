"""Removes what a gateway process programs beside its drivers' devices."""

from __future__ import annotations

from submariner_core.api.network import Route, RouteType
from submariner_core.engine import traffic
from submariner_core.kernel import Kernel, nft
from submariner_core.reconcile.routing import TABLES, is_own_nexthop, is_own_rule


def is_own_route(route: Route) -> bool:
    """Whether a route of tables 100 to 102 is the gateway's.

    It makes three sorts: through one of its nexthop objects, ``unreachable``, and to single hosts
    (health-check addresses). Whatever else stands there was put by somebody else.
    """
    if route.nexthop is not None:
        return is_own_nexthop(route.nexthop)
    whole = route.destination.max_prefixlen
    return route.type is RouteType.UNREACHABLE or route.destination.prefixlen == whole


async def remove_routing(kernel: Kernel) -> int:
    """Remove the gateway's rules, routes and nexthop objects; returns how many there were.

    Works in a process that made none of them. Rules go first: from then on nothing is asked of
    the tables that are about to be emptied. The counters of a gateway that was killed while it
    drained go too.
    """
    removed = await kernel.rules.reconcile((), is_own_rule)
    for table in TABLES:
        removed += await kernel.routes.reconcile(table, (), is_own_route)
    for nexthop in await kernel.nexthops.list():
        if is_own_nexthop(nexthop.id):
            removed += await kernel.nexthops.delete(nexthop.id)
    return removed + await nft.delete_table(traffic.FAMILY, traffic.TABLE)
