"""The other clusters' objects: copied by the leader from the broker into its own datastore.

A copy carries its source's labels, annotations and unknown fields to the letter, and two notes of
the leader's: the claim that orders prefixes, and which of them hold an address of its own cluster
(a node knows only some of these). Records that cannot be decoded are left alone, here and there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from submariner_core.api.model import ClusterObject, Endpoint, EndpointObject
from submariner_core.api.naming import (
    CLAIMED_ANNOTATION,
    REFUSED_ANNOTATION,
    endpoint_name,
    sanitise,
)
from submariner_core.api.transport import Kind, Record, Ref
from submariner_core.reconcile.admission import claim_key, holding
from submariner_core.reconcile.remotes import cluster_object, holds, reserved_addresses
from submariner_core.reconcile.state import State
from submariner_core.reconcile.stores import Departed, StoreView
from submariner_core.reconcile.writes import DeleteRecord, PutRecord, Write, same


@dataclass(frozen=True, slots=True)
class Copies:
    """Writes to the datastore, in order. ``refused`` is for people; ``wake_at`` ends a hold."""

    writes: tuple[Write, ...]
    refused: tuple[str, ...] = ()
    wake_at: float | None = None


def copies(state: State, broker: StoreView, answered: frozenset[str], now: float) -> Copies:
    """What brings the datastore's copies up to what the broker holds.

    The copy of what the broker no longer holds stays while it is held; ``answered`` names the
    cables whose probes are answered now.
    """
    offered, refused = _offered(state, broker)
    wanted = dict(_copies(state, broker, offered))
    held, wake_at = _held_copies(state, broker, answered, now)
    writes = (
        *_put_copies(state.datastore, wanted),
        *_drop_copies(state, broker, wanted, held),
    )
    return Copies(writes, refused, wake_at)


def _offered(
    state: State, broker: StoreView
) -> tuple[Mapping[Ref, ClusterObject | EndpointObject], tuple[str, ...]]:
    """The other clusters' objects at the broker, and texts on those that are refused.

    An object must bear the name that its cluster and cable give: one named like ours, or like a
    third cluster's, would overwrite that in our datastore.
    """
    offered: dict[Ref, ClusterObject | EndpointObject] = {}
    refused: list[str] = []
    own_name = sanitise(state.cluster_id)
    for ref, stored in sorted(broker.objects.items()):
        if not isinstance(stored, ClusterObject | EndpointObject):
            continue
        cluster_id = stored.spec.cluster_id
        if stored.meta.origin != cluster_id or cluster_id == state.cluster_id:
            continue
        name = _expected_name(stored)
        if sanitise(cluster_id) == own_name:
            refused.append(f"{ref} at the broker: cluster id {cluster_id!r} is too like ours")
        elif ref.name != name:
            refused.append(f"{ref} at the broker is of cluster {cluster_id!r}: must be {name!r}")
        else:
            offered[ref] = stored
    return offered, tuple(refused)


def _expected_name(stored: ClusterObject | EndpointObject) -> str:
    spec = stored.spec
    if isinstance(spec, Endpoint):
        return endpoint_name(spec.cluster_id, spec.cable_name)
    return sanitise(spec.cluster_id)


def _copies(
    state: State,
    broker: StoreView,
    offered: Mapping[Ref, ClusterObject | EndpointObject],
) -> Iterable[tuple[Ref, Record]]:
    """The other clusters' objects as they should stand in the own datastore."""
    claims = _claims(state.datastore)
    reserved = reserved_addresses(state)
    for ref, stored in offered.items():
        record = replace(broker.records[ref], created="")
        if isinstance(stored, EndpointObject):
            cluster_id = stored.spec.cluster_id
            claim = claims.get(cluster_id) or _first_claim(broker, stored)
            notes = {CLAIMED_ANNOTATION: claim}
            if refused := holding(stored.spec.subnets, reserved):
                notes[REFUSED_ANNOTATION] = ",".join(map(str, refused))
            theirs = {k: v for k, v in record.annotations.items() if k != REFUSED_ANNOTATION}
            record = replace(record, annotations={**theirs, **notes})
        yield ref, record


def _claims(datastore: StoreView) -> Mapping[str, str]:
    """When each cluster first claimed its prefixes, as any earlier copy of its has kept it."""
    claims: dict[str, str] = {}
    for copy in datastore.endpoints():
        if copy.claimed is not None:
            earlier = claims.get(copy.spec.cluster_id, copy.claimed)
            claims[copy.spec.cluster_id] = min(earlier, copy.claimed)
    return claims


def _first_claim(broker: StoreView, endpoint: EndpointObject) -> str:
    cluster_id = endpoint.spec.cluster_id
    cluster = cluster_object(broker, cluster_id)
    created = cluster.meta.created if cluster is not None else endpoint.meta.created
    return claim_key(created, cluster_id)


def _put_copies(datastore: StoreView, wanted: Mapping[Ref, Record]) -> Iterable[Write]:
    for ref, record in sorted(wanted.items()):
        if not same(datastore.records.get(ref), record):
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
        if endpoint.meta.origin and not broker.has(ref) and ref not in gone:
            record = state.datastore.records[ref]
            gone[ref] = Departed(endpoint, record, broker.snapshot_at, deleted=False)
    held, wake_at = holds(gone.values(), list(broker.endpoints()), answered, now)
    return frozenset(endpoint.spec.cluster_id for endpoint in held), wake_at


def _drop_copies(
    state: State, broker: StoreView, wanted: Mapping[Ref, Record], held: frozenset[str]
) -> Iterable[Write]:
    replaced = {endpoint.spec.cluster_id for endpoint in broker.endpoints()}
    for ref, stored in sorted(state.datastore.objects.items()):
        if not isinstance(stored, ClusterObject | EndpointObject):
            continue
        foreign = stored.meta.origin is not None and stored.meta.origin != state.cluster_id
        present = ref in wanted or broker.has(ref)
        cluster_id = stored.spec.cluster_id
        if foreign and not present and (cluster_id in replaced or cluster_id not in held):
            yield DeleteRecord(ref)
