"""Which Endpoint of each cluster is in use, those that a store has lost included.

An Endpoint that vanishes is *held* for ten seconds; and when a Snapshot lacks it (a store wiped
or rebuilt) for as long as its probes are answered, at most ten minutes. A hold ends at once when
a stored record claims one of its prefixes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from submariner_core.api.model import ClusterObject, EndpointObject
from submariner_core.api.naming import IPAddress, sanitise
from submariner_core.api.transport import Kind, Ref
from submariner_core.reconcile.endpoints import choose_endpoint, is_stale
from submariner_core.reconcile.prefixes import Prefixes
from submariner_core.reconcile.state import State
from submariner_core.reconcile.stores import Departed, StoreView

HOLD = 10.0
HOLD_MISSING = 600.0


@dataclass(frozen=True, slots=True)
class Remote:
    """The Endpoint in use of one remote cluster. ``held``: no store has it now."""

    endpoint: EndpointObject
    stale: bool = False
    held: bool = False


def own_endpoint_object(state: State) -> EndpointObject | None:
    """The own cluster's Endpoint in use, as the datastore has it."""
    view, cluster_id = state.datastore, state.cluster_id
    mine = [e for e in view.endpoints() if e.spec.cluster_id == cluster_id and not e.meta.origin]
    return choose_endpoint(cluster_object(view, cluster_id), mine, state.chosen.get(cluster_id))


def cluster_object(view: StoreView, cluster_id: str) -> ClusterObject | None:
    """The Cluster record of a cluster, by its fixed name."""
    found = view.objects.get(Ref(Kind.CLUSTER, sanitise(cluster_id)))
    return found if isinstance(found, ClusterObject) else None


def underlay_addresses(view: StoreView, cluster_id: str) -> tuple[IPAddress, ...]:
    """Where this cluster's nodes and gateways are reached, as its datastore tells.

    Those of other clusters are for admission to judge: anybody may say anything of himself.
    """
    found: set[IPAddress] = {agent.status.address for agent in view.route_agents()}
    endpoints = [gateway.status.local_endpoint for gateway in view.gateways()]
    for stored in view.endpoints():
        if stored.spec.cluster_id == cluster_id and stored.meta.origin is None:
            endpoints.append(stored.spec)
            endpoints += [entry.endpoint for entry in stored.gateways or ()]
    for endpoint in endpoints:
        found.add(endpoint.private_ip)
        if endpoint.public_ip is not None:
            found.add(endpoint.public_ip)
    return tuple(sorted(found, key=lambda address: (address.version, int(address))))


def reserved_addresses(state: State) -> tuple[IPAddress, ...]:
    """What must be reached outside cables: stores, this gateway, its cluster's nodes."""
    own = () if state.own is None else (state.own.endpoint.private_ip,)
    return (*state.site.reserved, *own, *underlay_addresses(state.datastore, state.cluster_id))


def remotes(
    state: State, answered: frozenset[str], now: float
) -> tuple[Mapping[str, Remote], float | None]:
    """The remotes by cluster id, and when (boot clock) a hold ends, if any does."""
    view = state.datastore
    stored: dict[str, list[EndpointObject]] = {}
    for endpoint in view.endpoints():
        if endpoint.spec.cluster_id != state.cluster_id:
            stored.setdefault(endpoint.spec.cluster_id, []).append(endpoint)
    found: dict[str, Remote] = {}
    for cluster_id, endpoints in sorted(stored.items()):
        cluster = cluster_object(view, cluster_id)
        chosen = choose_endpoint(cluster, endpoints, state.chosen.get(cluster_id))
        if chosen is not None:
            found[cluster_id] = Remote(chosen, is_stale(cluster, chosen))
    held, wake_at = holds(view.departed.values(), list(view.endpoints()), answered, now)
    for endpoint in held:
        cluster_id = endpoint.spec.cluster_id
        if cluster_id != state.cluster_id and cluster_id not in found:
            found[cluster_id] = Remote(endpoint, held=True)
    return dict(sorted(found.items())), wake_at


def holds(
    departed: Iterable[Departed],
    stored: Sequence[EndpointObject],
    answered: frozenset[str],
    now: float,
) -> tuple[tuple[EndpointObject, ...], float | None]:
    """The departed Endpoints that are still held, newest first, and when the next hold ends."""
    claimed = Prefixes()
    for other in stored:
        for prefix in other.spec.subnets:
            claimed.add(prefix, other.spec.cluster_id)
    held: list[tuple[float, EndpointObject]] = []
    ends: list[float] = []
    for one in departed:
        endpoint = one.stored
        if not isinstance(endpoint, EndpointObject):
            continue
        names = {endpoint.spec.cable_name}
        names |= {entry.endpoint.cable_name for entry in endpoint.gateways or ()}
        longer = not one.deleted and bool(names & answered)
        end = one.since + (HOLD_MISSING if longer else HOLD)
        taken = any(claimed.overlap(prefix) for prefix in endpoint.spec.subnets)
        if now < end and not taken:
            held.append((one.since, endpoint))
            ends.append(end)
    held.sort(key=lambda pair: (-pair[0], pair[1].meta.name))
    return tuple(endpoint for _, endpoint in held), min(ends, default=None)
