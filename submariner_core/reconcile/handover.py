"""Whom to hand the lead to: the ready standby that reaches most of the other clusters."""

from __future__ import annotations

from collections import Counter

from submariner_core.api.model import ConnectionStatus, GatewayObject, RouteAgentObject
from submariner_core.reconcile.remotes import own_endpoint_object
from submariner_core.reconcile.state import State
from submariner_core.reconcile.sync import GATEWAY_GONE, live_gateways


def successors(state: State, now: float, wanted: str | None = None) -> tuple[GatewayObject, ...]:
    """The gateways that may succeed this one, best first; ``wanted`` is the only one if given.

    A candidate is alive, ready and not draining itself. Order: most clusters connected, then its
    place in the list, then its name.
    """
    if state.own is None:
        return ()
    mine = state.own.endpoint.cable_name
    current = own_endpoint_object(state)
    listed = [e.endpoint.cable_name for e in (current.gateways or () if current else ())]

    def order(gateway: GatewayObject) -> tuple[int, int, str]:
        cable = gateway.status.local_endpoint.cable_name
        place = listed.index(cable) if cable in listed else len(listed)
        return -len(reached(gateway)), place, cable

    found = [
        gateway
        for gateway in live_gateways(state.datastore, now)
        if gateway.status.local_endpoint.cable_name != mine
        and gateway.status.ready
        and not gateway.status.draining
        and wanted in (None, gateway.status.local_endpoint.hostname)
    ]
    return tuple(sorted(found, key=order))


def better(state: State, own: frozenset[str], now: float) -> tuple[GatewayObject, str] | None:
    """A standby that should lead instead of this gateway, and why; ``None`` while all is well.

    Either most nodes send through it already, or it reaches a cluster that this one (which reaches
    ``own``) does not, and lacks none that this one has: the uplink is lost, the overlay lives.
    """
    if state.own is None:
        return None
    mine = state.own.endpoint.hostname
    candidates = successors(state, now)
    nodes = (
        *state.datastore.route_agents(),
        *state.datastore.missing(RouteAgentObject, now, GATEWAY_GONE),
    )
    used = Counter(agent.status.carries for agent in nodes)
    for candidate in candidates:
        name = candidate.status.local_endpoint.hostname
        if used[name] > used.total() / 2 and name != mine:
            return candidate, f"{used[name]} of {used.total()} nodes send through {name}"
    for candidate in candidates:
        more = reached(candidate) - own
        if more and not own - reached(candidate):
            name = candidate.status.local_endpoint.hostname
            return candidate, f"{name} reaches {', '.join(sorted(more))} and this gateway does not"
    return None


def reached(gateway: GatewayObject) -> frozenset[str]:
    """The clusters to which a gateway has a connection that carries."""
    return frozenset(
        connection.endpoint.cluster_id
        for connection in gateway.status.connections
        if connection.status is ConnectionStatus.CONNECTED
    )
