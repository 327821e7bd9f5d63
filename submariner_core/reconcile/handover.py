"""Whom to hand the lead to: the ready standby that reaches most of the other clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from submariner_core.api.model import ConnectionStatus, GatewayObject, RouteAgentObject
from submariner_core.reconcile.pin import pinned
from submariner_core.reconcile.remotes import own_endpoint_object
from submariner_core.reconcile.state import State
from submariner_core.reconcile.sync import GATEWAY_GONE, live_gateways


def successors(state: State, now: float, wanted: str | None = None) -> tuple[GatewayObject, ...]:
    """The gateways that may succeed this one, best first; ``wanted`` is the only one if given.

    A candidate is alive, ready and not draining itself. Order: the pinned one, most clusters
    connected, then its place in the list, then its name.
    """
    if state.own is None:
        return ()
    mine = state.own.endpoint.cable_name
    current = own_endpoint_object(state)
    listed = [e.endpoint.cable_name for e in (current.gateways or () if current else ())]

    pin = pinned(state)

    def order(gateway: GatewayObject) -> tuple[bool, int, int, str]:
        endpoint = gateway.status.local_endpoint
        cable = endpoint.cable_name
        place = listed.index(cable) if cable in listed else len(listed)
        return endpoint.hostname != pin, -len(reached(gateway)), place, cable

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

    This node is cordoned, or the operator has pinned the lead to that standby; a gateway that is
    pinned itself keeps it. Else: most nodes send through the standby already, or it reaches a
    cluster that this one (which reaches ``own``) does not, and lacks none that this one has: the
    uplink is lost, the overlay lives.
    """
    if state.own is None:
        return None
    mine, pin = state.own.endpoint.hostname, pinned(state)
    candidates = successors(state, now)
    first = candidates[0] if candidates else None
    if first is None or (pin == mine and not state.cordoned):
        return None
    if state.cordoned:
        return first, "this node is cordoned"
    if first.status.local_endpoint.hostname == pin:
        return first, f"the lead is pinned to {pin}"
    return _in_use(state, candidates, now) or _better_off(candidates, own)


def _in_use(
    state: State, candidates: Iterable[GatewayObject], now: float
) -> tuple[GatewayObject, str] | None:
    nodes = (
        *state.datastore.route_agents(),
        *state.datastore.missing(RouteAgentObject, now, GATEWAY_GONE),
    )
    used = Counter(agent.status.carries for agent in nodes)
    for candidate in candidates:
        name = candidate.status.local_endpoint.hostname
        if used[name] > used.total() / 2:
            return candidate, f"{used[name]} of {used.total()} nodes send through {name}"
    return None


def _better_off(
    candidates: Iterable[GatewayObject], own: frozenset[str]
) -> tuple[GatewayObject, str] | None:
    for candidate in candidates:
        more = reached(candidate) - own
        if more and not own - reached(candidate):
            name = candidate.status.local_endpoint.hostname
            return candidate, f"{name} reaches {', '.join(sorted(more))} and this gateway does not"
    return None


def cold(state: State, candidate: GatewayObject) -> bool:
    """Whether a gateway is too far down the list to hold cables: it makes them when favoured."""
    current = own_endpoint_object(state)
    listed = (current.gateways or ()) if current is not None else ()
    warm = [entry.endpoint.cable_name for entry in listed[: state.site.warm]]
    return candidate.status.local_endpoint.cable_name not in warm


def reaches(state: State, cable_name: str, clusters: frozenset[str]) -> bool:
    """Whether the gateway with that cable says that it reaches all of these clusters."""
    return any(
        clusters <= reached(gateway)
        for gateway in state.datastore.gateways()
        if gateway.status.local_endpoint.cable_name == cable_name
    )


def reached(gateway: GatewayObject) -> frozenset[str]:
    """The clusters to which a gateway has a connection that carries."""
    return frozenset(
        connection.endpoint.cluster_id
        for connection in gateway.status.connections
        if connection.status is ConnectionStatus.CONNECTED
    )
