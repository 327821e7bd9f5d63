"""What the leader writes: its cluster's own objects to both stores, the others' copies to its own.

Writes to one store are in order and carried out one by one: the Cluster, which raises the fence,
before the Endpoint, and the Endpoint before an older one is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from submariner_core.api.codec import encode
from submariner_core.api.model import (
    ClusterObject,
    EndpointObject,
    GatewayEntry,
    GatewayObject,
    Metadata,
)
from submariner_core.api.naming import (
    CLUSTER_ID_LABEL,
    PINNED_ANNOTATION,
    endpoint_name,
    sanitise,
)
from submariner_core.api.transport import Kind, Record, Ref
from submariner_core.reconcile.copies import copies
from submariner_core.reconcile.pin import pinned
from submariner_core.reconcile.state import State
from submariner_core.reconcile.stores import StoreView
from submariner_core.reconcile.writes import DeleteRecord, PutRecord, Write, same

__all__ = ["DeleteRecord", "PutRecord", "Sync", "Write", "live_gateways", "sync"]

GATEWAY_GONE = 15.0
"""Seconds without a change after which a Gateway counts as dead (the leader's boot clock)."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Writes per store, in order. ``conflicts`` are for people; ``wake_at`` when to look again."""

    datastore: tuple[Write, ...] = ()
    broker: tuple[Write, ...] = ()
    conflicts: tuple[str, ...] = ()
    wake_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Own:
    cluster: ClusterObject
    endpoint: EndpointObject


def sync(
    state: State, gateways: tuple[GatewayEntry, ...], answered: frozenset[str], now: float
) -> Sync:
    """The leader's writes; nothing for a gateway that does not lead.

    ``gateways`` is the list of live gateways to publish; ``answered`` names the cables whose
    probes are answered now.
    """
    if not state.leadership.active or state.own is None or not state.datastore.seen:
        return Sync()
    own = _own(state, gateways)
    datastore = [*_publish(state.datastore, _with_pin(own, pinned(state)), None)]
    datastore += _dead_gateways(state, now)
    broker: list[Write] = []
    conflicts: tuple[str, ...] = ()
    wake_at: float | None = None
    if state.broker is not None and state.broker.seen:
        strangers = [_stranger_text(one) for one in _strangers(state, state.broker)]
        if not strangers:
            broker += _publish(state.broker, own, state.cluster_id)
        copied = copies(state, state.broker, answered, now)
        datastore += copied.writes
        conflicts, wake_at = (*strangers, *copied.refused), copied.wake_at
    return Sync(tuple(datastore), tuple(broker), conflicts, wake_at)


def live_gateways(view: StoreView, now: float) -> tuple[GatewayObject, ...]:
    """The Gateways that changed lately enough to count as alive.

    While the store is away nobody's silence means anything: all of them. A store that was wiped
    lacks them until each has written again.
    """
    stored = (
        gateway
        for gateway in view.gateways()
        if not view.connected or now - _changed(view, gateway, now) <= GATEWAY_GONE
    )
    return (*stored, *view.missing(GatewayObject, now, GATEWAY_GONE))


def _changed(view: StoreView, gateway: GatewayObject, now: float) -> float:
    return view.changed.get(Ref(Kind.GATEWAY, gateway.meta.name), now)


def _own(state: State, gateways: tuple[GatewayEntry, ...]) -> _Own:
    assert state.own is not None
    endpoint, epoch = state.own.endpoint, state.leadership.epoch
    name = endpoint_name(endpoint.cluster_id, endpoint.cable_name)
    return _Own(
        ClusterObject(Metadata(sanitise(state.cluster_id)), state.site.cluster, epoch),
        EndpointObject(Metadata(name), endpoint, epoch, gateways),
    )


def _with_pin(own: _Own, pin: str) -> _Own:
    if not pin:
        return own
    meta = replace(own.cluster.meta, annotations={PINNED_ANNOTATION: pin})
    return replace(own, cluster=replace(own.cluster, meta=meta))


def _publish(view: StoreView, own: _Own, label: str | None) -> Iterable[Write]:
    """The own Cluster and Endpoint, and the deletion of what this Endpoint replaces.

    At the broker that goes last: a remote cluster has an Endpoint of ours all the time. In the own
    datastore it goes first: an upstream route agent, whose node was the gateway until now, would
    otherwise take the new Endpoint for one beside its own, and forget the overlay with the old
    one. Route agents of ours hold what has gone for longer than this takes.
    """
    cluster, endpoint = (_record(view, mine, label) for mine in (own.cluster, own.endpoint))
    rivals = [
        rival
        for rival in view.endpoints()
        if rival.spec.cluster_id == own.cluster.spec.cluster_id
        and rival.meta.origin == label
        and rival.meta.name != endpoint.ref.name
    ]
    deletions = [DeleteRecord(Ref(Kind.ENDPOINT, rival.meta.name)) for rival in rivals]
    if label is None:
        yield from deletions
    for record in (cluster, endpoint):
        if not same(view.records.get(record.ref), record):
            yield PutRecord(record)
    stored = view.records.get(endpoint.ref)
    if stored is not None and any(
        rival.epoch is None and rival.meta.created >= stored.created for rival in rivals
    ):
        # Upstream's peers know no epoch and follow the newest: ours must be newer than a zombie's.
        yield DeleteRecord(endpoint.ref)
        yield PutRecord(endpoint)
    if label is not None:
        yield from deletions


def _record(view: StoreView, mine: ClusterObject | EndpointObject, label: str | None) -> Record:
    """One of our own objects as it should be stored; what others noted on it stays."""
    record = encode(mine)
    stored = view.records.get(record.ref)
    labels = dict(stored.labels) if stored is not None else {}
    labels.pop(CLUSTER_ID_LABEL, None)
    if label is not None:
        labels[CLUSTER_ID_LABEL] = label
    annotations = dict(stored.annotations) if stored is not None else {}
    annotations.pop(PINNED_ANNOTATION, None)
    return replace(record, labels=labels, annotations={**annotations, **record.annotations})


def _dead_gateways(state: State, now: float) -> Iterable[Write]:
    assert state.own is not None
    alive = {gateway.meta.name for gateway in live_gateways(state.datastore, now)}
    alive.add(sanitise(state.own.endpoint.hostname))
    for gateway in state.datastore.gateways():
        if gateway.meta.name not in alive:
            yield DeleteRecord(Ref(Kind.GATEWAY, gateway.meta.name))


def _strangers(state: State, broker: StoreView) -> Sequence[EndpointObject]:
    """Endpoints that claim our cluster id at the broker and are of no cluster of ours.

    A gateway that nobody here knows, for other CIDRs than ours: somebody uses our id.
    """
    assert state.own is not None
    known = {state.own.endpoint.cable_name}
    known |= {gateway.status.local_endpoint.cable_name for gateway in state.datastore.gateways()}
    for endpoint in state.datastore.endpoints():
        if endpoint.spec.cluster_id == state.cluster_id:
            known.add(endpoint.spec.cable_name)
            known |= {entry.endpoint.cable_name for entry in endpoint.gateways or ()}
    return [
        endpoint
        for endpoint in broker.endpoints()
        if endpoint.meta.origin == endpoint.spec.cluster_id == state.cluster_id
        and endpoint.spec.cable_name not in known
        and set(endpoint.spec.subnets) != set(state.own.endpoint.subnets)
    ]


def _stranger_text(endpoint: EndpointObject) -> str:
    spec = endpoint.spec
    subnets = ", ".join(str(subnet) for subnet in spec.subnets)
    return (
        f"cluster id {spec.cluster_id!r} is in use at the broker by gateway {spec.hostname} "
        f"({spec.private_ip}) with {subnets}: nothing is advertised there; choose another "
        f"cluster_id, or if it is gone: submariner forget {spec.cluster_id} --force"
    )
