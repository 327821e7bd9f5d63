"""What a store holds as far as its watch has told: folded from events, decoded at this one edge.

A record that cannot be decoded is refused by name with the reason. What it replaces stays in
force, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from submariner_core.api.codec import decode
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.model import (
    ClusterObject,
    EndpointObject,
    GatewayObject,
    RouteAgentObject,
    StoredObject,
)
from submariner_core.api.transport import Event, Kind, Put, Record, Ref, Snapshot

Wanted = TypeVar("Wanted", ClusterObject, EndpointObject, GatewayObject, RouteAgentObject)


@dataclass(frozen=True, slots=True)
class Departed:
    """An object that is no longer stored: since when (boot clock), and whether it was deleted.

    ``deleted`` is false for one that a later Snapshot simply lacks: the store may have been wiped.
    """

    stored: StoredObject
    record: Record
    since: float
    deleted: bool


@dataclass(frozen=True, slots=True)
class StoreView:
    """One store.

    ``seen``: a first Snapshot has come; ``connected``: the watch is up now. ``changed`` is when
    (boot clock) each record last changed, counted anew after a gap, since nothing can be said of
    the time in between; ``snapshot_at`` is the last Snapshot's time.
    ``departed`` is kept for :data:`REMEMBER` seconds at most.
    """

    connected: bool = False
    seen: bool = False
    reason: str = ""
    snapshot_at: float = 0.0
    records: Mapping[Ref, Record] = field(default_factory=dict)
    objects: Mapping[Ref, StoredObject] = field(default_factory=dict)
    malformed: Mapping[Ref, str] = field(default_factory=dict)
    changed: Mapping[Ref, float] = field(default_factory=dict)
    departed: Mapping[Ref, Departed] = field(default_factory=dict)

    def has(self, ref: Ref) -> bool:
        """Whether a record of this name is stored, be it one that was refused."""
        return ref in self.records or ref in self.malformed

    def endpoints(self) -> tuple[EndpointObject, ...]:
        """The Endpoints, by name."""
        return self._all(EndpointObject)

    def clusters(self) -> tuple[ClusterObject, ...]:
        """The Clusters, by name."""
        return self._all(ClusterObject)

    def gateways(self) -> tuple[GatewayObject, ...]:
        """The Gateways, by name."""
        return self._all(GatewayObject)

    def route_agents(self) -> tuple[RouteAgentObject, ...]:
        """The RouteAgents, by name."""
        return self._all(RouteAgentObject)

    def missing(self, wanted: type[Wanted], now: float, limit: float) -> tuple[Wanted, ...]:
        """What a Snapshot lacks since ``limit`` seconds at most: nobody was seen to delete it."""
        found = [
            one.stored
            for one in self.departed.values()
            if isinstance(one.stored, wanted) and not one.deleted and now - one.since <= limit
        ]
        return tuple(sorted(found, key=lambda one: one.meta.name))

    def _all(self, wanted: type[Wanted]) -> tuple[Wanted, ...]:
        found = [one for one in self.objects.values() if isinstance(one, wanted)]
        return tuple(sorted(found, key=lambda one: one.meta.name))


REMEMBER = 600.0
_HELD = (Kind.CLUSTER, Kind.ENDPOINT)
"""Kinds that are remembered even if somebody deleted them."""


def lose(view: StoreView, reason: str) -> StoreView:
    """The store cannot be reached: what is known of it stays."""
    return replace(view, connected=False, reason=reason)


def fold(view: StoreView, event: Event, now: float) -> StoreView:
    """The view after one event of the store's watch; ``now`` in seconds of the boot clock."""
    if isinstance(event, Snapshot):
        return _snapshot(view, event, now)
    if isinstance(event, Put):
        return _take(_connected(view), (event.record,), now)
    return _drop(_connected(view), (event.ref,), now, deleted=True)


def _connected(view: StoreView) -> StoreView:
    return view if view.connected else replace(view, connected=True, reason="")


def _snapshot(view: StoreView, event: Snapshot, now: float) -> StoreView:
    present = {record.ref for record in event.records}
    missing = [ref for ref in {**view.records, **view.malformed} if ref not in present]
    view = _drop(view, missing, now, deleted=False)
    view = replace(view, changed={}, connected=True, seen=True, reason="", snapshot_at=now)
    return _take(view, event.records, now)


def _take(view: StoreView, taken: Iterable[Record], now: float) -> StoreView:
    records, objects = dict(view.records), dict(view.objects)
    malformed, changed, departed = dict(view.malformed), dict(view.changed), dict(view.departed)
    for record in taken:
        ref = record.ref
        changed[ref] = now
        departed.pop(ref, None)
        malformed.pop(ref, None)
        if records.get(ref) == record:
            continue
        try:
            objects[ref] = decode(record)
        except RecordMalformed as error:
            malformed[ref] = str(error)
        else:
            records[ref] = record
    return replace(
        view,
        records=records,
        objects=objects,
        malformed=malformed,
        changed=changed,
        departed=departed,
    )


def _drop(view: StoreView, refs: Iterable[Ref], now: float, *, deleted: bool) -> StoreView:
    records, objects = dict(view.records), dict(view.objects)
    malformed, changed = dict(view.malformed), dict(view.changed)
    departed = {ref: one for ref, one in view.departed.items() if now - one.since <= REMEMBER}
    for ref in refs:
        record, stored = records.pop(ref, None), objects.pop(ref, None)
        malformed.pop(ref, None)
        changed.pop(ref, None)
        remembered = not deleted or ref.kind in _HELD
        if remembered and record is not None and stored is not None:
            departed[ref] = Departed(stored, record, now, deleted)
    return replace(
        view,
        records=records,
        objects=objects,
        malformed=malformed,
        changed=changed,
        departed=departed,
    )
