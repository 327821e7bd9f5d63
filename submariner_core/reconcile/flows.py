"""Which flows a gateway hands to its successor, and which of them that one takes."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from submariner_core.api.flow import Flow
from submariner_core.reconcile.plan import Plan
from submariner_core.reconcile.prefixes import Prefixes
from submariner_core.reconcile.state import State


def service_networks(state: State) -> tuple[IPv4Network, ...]:
    """Where services of the own cluster are: flows to them are translated on its gateways."""
    cidrs = state.site.cluster.service_cidr
    return tuple(cidr for cidr in cidrs if isinstance(cidr, IPv4Network))


def from_remotes(state: State, plan: Plan, flows: Iterable[Flow]) -> tuple[Flow, ...]:
    """Those that come from an admitted remote prefix to an own service, the last used first.

    Whoever gives them: nothing else is anybody's business to tell a gateway.
    """
    remote, services = Prefixes(), Prefixes()
    for prefixes in plan.admission.admitted.values() if plan.admission is not None else ():
        for prefix in prefixes:
            remote.add(prefix, "")
    for prefix in service_networks(state):
        services.add(prefix, "")
    found = [
        flow
        for flow in flows
        if _within(services, flow.forth.destination) and _within(remote, flow.forth.source)
    ]
    return tuple(sorted(found, key=lambda flow: -flow.left))


def unknown(offered: Iterable[Flow], held: Iterable[Flow]) -> tuple[Flow, ...]:
    """Those to be made here: not those that are translated so already, nor older ones.

    What was used last has most time left: an entry for the same first packet that was used here
    later than there belongs to a newer connection.
    """
    here = {(flow.protocol, flow.forth): flow for flow in held}
    found = []
    for flow in offered:
        known = here.get((flow.protocol, flow.forth))
        if known is None or (known.back != flow.back and known.left < flow.left):
            found.append(flow)
    return tuple(found)


def _within(prefixes: Prefixes, address: IPv4Address) -> bool:
    return prefixes.overlap(IPv4Network(address)) is not None
