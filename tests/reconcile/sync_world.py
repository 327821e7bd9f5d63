"""A leader's two stores, as it sees them, and its writes carried out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import ip_network

from submariner_core.api.cable import LocalGateway
from submariner_core.api.codec import decode, encode
from submariner_core.api.model import Cluster, EndpointObject, GatewayEntry, StoredObject
from submariner_core.api.transport import Deleted, Kind, Put, Record, Ref, Snapshot
from submariner_core.reconcile.state import Leadership, Site, State
from submariner_core.reconcile.stores import StoreView, fold, lose
from submariner_core.reconcile.sync import DeleteRecord, Sync, Write, sync
from tests.reconcile.objects import endpoint

OWN = endpoint("east", 1, subnets=["100.1.0.0/16", "10.1.0.0/16"])
OWN_CLUSTER = Cluster("east", (ip_network("100.1.0.0/16"),), (ip_network("10.1.0.0/16"),))
OWN_LIST = (GatewayEntry(OWN, 0),)
OWN_CLUSTER_REF = Ref(Kind.CLUSTER, "east")
OWN_ENDPOINT_REF = Ref(Kind.ENDPOINT, "east-submariner-cable-east-192-0-2-1")


@dataclass
class Store:
    """What one store holds, and the view that its watch has given."""

    records: dict[Ref, Record] = field(default_factory=dict)
    view: StoreView = field(default_factory=StoreView)
    arrivals: int = 0

    def put(self, stored: Record | StoredObject, now: float = 0.0) -> None:
        """Somebody writes a record."""
        record = stored if isinstance(stored, Record) else encode(stored)
        known = self.records.get(record.ref)
        self.arrivals += known is None
        created = f"{self.arrivals:04}" if known is None else known.created
        self.records[record.ref] = replace(record, created=created)
        self.view = fold(self.view, Put(self.records[record.ref]), now)

    def delete(self, ref: Ref, now: float = 0.0) -> None:
        """Somebody deletes a record."""
        self.records.pop(ref, None)
        self.view = fold(self.view, Deleted(ref), now)

    def snapshot(self, now: float = 0.0) -> None:
        """The watch starts, or starts over."""
        self.view = fold(self.view, Snapshot(tuple(self.records.values())), now)

    def wipe(self, now: float) -> None:
        """The store is rebuilt, empty."""
        self.records.clear()
        self.snapshot(now)

    def lose(self) -> None:
        """The store cannot be reached."""
        self.view = lose(self.view, "gone")

    def endpoints(self) -> dict[str, EndpointObject]:
        """The Endpoints by name, decoded."""
        found = (
            decode(record) for record in self.records.values() if record.ref.kind == "Endpoint"
        )
        return {one.meta.name: one for one in found if isinstance(one, EndpointObject)}


@dataclass
class World:
    """A leader of cluster ``east`` between its datastore and the broker."""

    datastore: Store = field(default_factory=Store)
    broker: Store = field(default_factory=Store)
    epoch: int = 5
    active: bool = True
    own: LocalGateway = field(default_factory=lambda: LocalGateway(OWN, 0))
    gateways: tuple[GatewayEntry, ...] = OWN_LIST

    def started(self) -> World:
        """Both watches have given their first Snapshot."""
        self.datastore.snapshot()
        self.broker.snapshot()
        return self

    def plan(self, answered: Iterable[str] = (), now: float = 0.0) -> Sync:
        """What the leader would write."""
        state = State(
            site=Site(OWN_CLUSTER, 2, {}),
            own=self.own,
            leadership=Leadership(self.active, self.epoch),
            datastore=self.datastore.view,
            broker=self.broker.view,
        )
        return sync(state, self.gateways, frozenset(answered), now)

    def settle(self, answered: Iterable[str] = (), now: float = 0.0) -> Sync:
        """Carry the writes out, and again, until there is nothing to write."""
        for _ in range(5):
            planned = self.plan(answered, now)
            if not (planned.datastore or planned.broker):
                return planned
            _carry_out(self.datastore, planned.datastore, now)
            _carry_out(self.broker, planned.broker, now)
        raise AssertionError(f"does not settle: {planned}")


def _carry_out(store: Store, writes: Iterable[Write], now: float) -> None:
    for write in writes:
        if isinstance(write, DeleteRecord):
            store.delete(write.ref, now)
        else:
            store.put(write.record, now)


def refs(writes: Iterable[Write]) -> list[str]:
    """The writes in order: ``+name`` or ``-name``."""
    return [
        f"-{write.ref}" if isinstance(write, DeleteRecord) else f"+{write.record.ref}"
        for write in writes
    ]
