"""What the leader writes: its cluster's own objects to both stores, the others' copies to its own.

Writes to one store are in order and carried out one by one: the Cluster, which raises the fence,
before the Endpoint, and the Endpoint before an older one is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    CLAIMED_ANNOTATION,
    CLUSTER_ID_LABEL,
    endpoint_name,
    sanitise,
)
from submariner_core.api.transport import Kind, Record, Ref
from submariner_core.reconcile.admission import claim_key
from submariner_core.reconcile.remotes import cluster_object, holds
from submariner_core.reconcile.state import State
from submariner_core.reconcile.stores import Departed, StoreView

GATEWAY_GONE = 15.0
"""Seconds without a change after which a Gateway counts as dead (the leader's boot clock)."""


@dataclass(frozen=True, slots=True)
class PutRecord:
    """Write this record, fenced with the leader's epoch."""

    record: Record


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    """Delete this record, fenced with the leader's epoch."""

    ref: Ref


Write = PutRecord | DeleteRecord


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
    datastore = [*_publish(state.datastore, own, None)]
    datastore += _dead_gateways(state, now)
    broker: list[Write] = []
    conflicts: tuple[str, ...] = ()
    wake_at: float | None = None
    if state.broker is not None and state.broker.seen:
        strangers = _strangers(state, state.broker)
        conflicts = tuple(_conflict(endpoint) for endpoint in strangers)
        if not conflicts:
            broker += _publish(state.broker, own, state.cluster_id)
        copies = dict(_copies(state, state.broker))
        datastore += _put_copies(state.datastore, copies)
        held, wake_at = _held_copies(state, state.broker, answered, now)
        datastore += _drop_copies(state, copies, held)
    return Sync(tuple(datastore), tuple(broker), conflicts, wake_at)


def live_gateways(view: StoreView, now: float) -> tuple[GatewayObject, ...]:
    """The Gateways that changed lately enough to count as alive."""
    return tuple(
        stored
        for ref, stored in sorted(view.objects.items())
        if isinstance(stored, GatewayObject) and now - view.changed.get(ref, now) <= GATEWAY_GONE
    )


def _own(state: State, gateways: tuple[GatewayEntry, ...]) -> _Own:
    assert state.own is not None
    endpoint, epoch = state.own.endpoint, state.leadership.epoch
    name = endpoint_name(endpoint.cluster_id, endpoint.cable_name)
    return _Own(
        ClusterObject(Metadata(sanitise(state.cluster_id)), state.site.cluster, epoch),
        EndpointObject(Metadata(name), endpoint, epoch, gateways),
    )


def _publish(view: StoreView, own: _Own, label: str | None) -> Iterable[Write]:
    """The own Cluster and Endpoint, then the deletion of what this Endpoint replaces."""
    for mine in (own.cluster, own.endpoint):
        record = encode(mine)
        if label is not None:
            record = replace(record, labels={**record.labels, CLUSTER_ID_LABEL: label})
        stored = view.records.get(record.ref)
        if stored is not None:
            record = replace(
                record,
                labels={**stored.labels, **record.labels},
                annotations={**stored.annotations, **record.annotations},
            )
        if not _same(stored, record):
            yield PutRecord(record)
    kept = Ref(Kind.ENDPOINT, own.endpoint.meta.name)
    for endpoint in view.endpoints():
        ref = Ref(Kind.ENDPOINT, endpoint.meta.name)
        ours = endpoint.spec.cluster_id == own.cluster.spec.cluster_id
        if ours and endpoint.meta.origin == label and ref != kept:
            yield DeleteRecord(ref)


def _dead_gateways(state: State, now: float) -> Iterable[Write]:
    live = {gateway.meta.name for gateway in live_gateways(state.datastore, now)}
    for gateway in state.datastore.gateways():
        if gateway.meta.name not in live:
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


def _conflict(endpoint: EndpointObject) -> str:
    spec = endpoint.spec
    subnets = ", ".join(str(subnet) for subnet in spec.subnets)
    return (
        f"cluster id {spec.cluster_id!r} is in use at the broker by gateway {spec.hostname} "
        f"({spec.private_ip}) with {subnets}: nothing is advertised there; choose another "
        f"cluster_id, or remove it with: submariner forget {spec.cluster_id}"
    )


def _copies(state: State, broker: StoreView) -> Iterable[tuple[Ref, Record]]:
    """The other clusters' objects as they should stand in the own datastore."""
    for ref, stored in sorted(broker.objects.items()):
        if not isinstance(stored, ClusterObject | EndpointObject):
            continue
        origin = stored.meta.origin
        if origin is None or origin == state.cluster_id or origin != stored.spec.cluster_id:
            continue
        record = replace(broker.records[ref], created="")
        if isinstance(stored, EndpointObject):
            claim = _claim(state.datastore, broker, stored)
            record = replace(record, annotations={**record.annotations, CLAIMED_ANNOTATION: claim})
        yield ref, record


def _claim(datastore: StoreView, broker: StoreView, endpoint: EndpointObject) -> str:
    """When this cluster first claimed its prefixes: kept from any earlier copy of its."""
    cluster_id = endpoint.spec.cluster_id
    earlier = [
        copy.claimed
        for copy in datastore.endpoints()
        if copy.spec.cluster_id == cluster_id and copy.claimed is not None
    ]
    if earlier:
        return min(earlier)
    cluster = cluster_object(broker, cluster_id)
    created = cluster.meta.created if cluster is not None else endpoint.meta.created
    return claim_key(created, cluster_id)


def _put_copies(datastore: StoreView, copies: Mapping[Ref, Record]) -> Iterable[Write]:
    for ref, record in sorted(copies.items()):
        if not _same(datastore.records.get(ref), record):
            yield PutRecord(record)


def _held_copies(
    state: State, broker: StoreView, answered: frozenset[str], now: float
) -> tuple[frozenset[str], float | None]:
    """Clusters whose copies stay though the broker lacks them, and when that may end.

    A copy that this process never saw at the broker counts from the broker's last Snapshot.
    """
    gone = dict(broker.departed)
    for endpoint in state.datastore.endpoints():
        ref = Ref(Kind.ENDPOINT, endpoint.meta.name)
        if endpoint.meta.origin and ref not in broker.records and ref not in gone:
            record = state.datastore.records[ref]
            gone[ref] = Departed(endpoint, record, broker.snapshot_at, deleted=False)
    held, wake_at = holds(gone.values(), list(broker.endpoints()), answered, now)
    return frozenset(endpoint.spec.cluster_id for endpoint in held), wake_at


def _drop_copies(
    state: State, copies: Mapping[Ref, Record], held: frozenset[str]
) -> Iterable[Write]:
    assert state.broker is not None
    for ref, stored in sorted(state.datastore.objects.items()):
        if not isinstance(stored, ClusterObject | EndpointObject):
            continue
        foreign = stored.meta.origin is not None and stored.meta.origin != state.cluster_id
        present = ref in copies or ref in state.broker.records
        replaced = any(
            isinstance(other, EndpointObject) and other.spec.cluster_id == stored.spec.cluster_id
            for other in state.broker.objects.values()
        )
        if foreign and not present and (replaced or stored.spec.cluster_id not in held):
            yield DeleteRecord(ref)


def _same(stored: Record | None, wanted: Record) -> bool:
    return (
        stored is not None
        and stored.body == wanted.body
        and stored.labels == wanted.labels
        and stored.annotations == wanted.annotations
    )
