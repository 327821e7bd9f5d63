"""A store of records in memory, which several transports may share."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from submariner_core.api.fencing import check_fence, guard_of
from submariner_core.api.transport import (
    Deleted,
    Event,
    Fence,
    Kind,
    NodeMarks,
    Put,
    Record,
    Ref,
    Snapshot,
)


@dataclass(frozen=True, slots=True)
class StoreImage:
    """A backup of a store at one moment."""

    records: tuple[Record, ...]


class Subscription:
    """One watcher's queue of events; ``None`` in it means that the store went away."""

    def __init__(self, kinds: Collection[Kind]) -> None:
        self.kinds = frozenset(kinds)
        self.events: asyncio.Queue[Event | None] = asyncio.Queue()


class MemoryStore:
    """Records of one store, with fencing and watchers; and nodes: who is cordoned, their marks.

    ``writes`` counts changes that were really made, so that a test can show that nothing was
    written. Records are copied on their way in: what a caller does to its own later is its own.
    """

    def __init__(self) -> None:
        self.available = True
        self.writes = 0
        self.cordoned: frozenset[str] = frozenset()
        self.nodes: dict[str, NodeMarks] = {}
        self.load_balancers: dict[str, tuple[str, ...]] = {}
        self._records: dict[Ref, Record] = {}
        self._arrivals = 0
        self._subscriptions: set[Subscription] = set()

    # ---- what a transport does

    def put(self, record: Record, fence: Fence | None) -> None:
        """Create or replace a record; check of the fence and write are one step."""
        self._check_fence(record.ref, fence)
        stored = self._records.get(record.ref)
        created = stored.created if stored is not None else self._next_arrival()
        new = dataclasses.replace(copy.deepcopy(record), created=created)
        if new == stored:
            return
        self._records[record.ref] = new
        self.writes += 1
        self._publish(Put(new), record.ref.kind)

    def delete(self, ref: Ref, fence: Fence | None) -> None:
        """Delete a record; one that is not there is fine."""
        self._check_fence(ref, fence)
        if self._records.pop(ref, None) is not None:
            self.writes += 1
            self._publish(Deleted(ref), ref.kind)

    @contextmanager
    def subscribe(self, kinds: Collection[Kind]) -> Iterator[Subscription]:
        """Events for a watcher, a Snapshot first."""
        subscription = Subscription(kinds)
        subscription.events.put_nowait(self._snapshot(subscription.kinds))
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    # ---- what a test looks at

    @property
    def records(self) -> tuple[Record, ...]:
        """All that is stored, in order of arrival."""
        return tuple(sorted(self._records.values(), key=lambda record: record.created))

    def get(self, kind: Kind, name: str) -> Record | None:
        """One record, or ``None``."""
        return self._records.get(Ref(kind, name))

    # ---- what a test does to it

    def go_away(self) -> None:
        """An outage: every call and every watch fails until :meth:`come_back`."""
        self.available = False
        for subscription in self._subscriptions:
            subscription.events.put_nowait(None)

    def come_back(self) -> None:
        """The end of an outage."""
        self.available = True

    def cordon(self, *nodes: str) -> None:
        """Tell just these nodes to be emptied."""
        self.cordoned = frozenset(nodes)
        for subscription in self._subscriptions:
            if not subscription.kinds:  # it watches nodes
                subscription.events.put_nowait(self._snapshot(()))

    def wipe(self) -> None:
        """Lose everything, as a rebuilt store does."""
        self.restore(StoreImage(()))

    def save(self) -> StoreImage:
        """A backup."""
        return StoreImage(self.records)

    def restore(self, image: StoreImage) -> None:
        """Go back to a backup. Watchers see a Snapshot, never single events."""
        self._records = {record.ref: record for record in image.records}
        self.resync()

    def resync(self) -> None:
        """A gap in every watch: each gets a Snapshot again."""
        for subscription in self._subscriptions:
            subscription.events.put_nowait(self._snapshot(subscription.kinds))

    # ---- within

    def _next_arrival(self) -> str:
        self._arrivals += 1
        return f"{self._arrivals:012d}"

    def _snapshot(self, kinds: Collection[Kind]) -> Snapshot:
        return Snapshot(tuple(record for record in self.records if record.ref.kind in kinds))

    def _publish(self, event: Event, kind: Kind) -> None:
        for subscription in self._subscriptions:
            if kind in subscription.kinds:
                subscription.events.put_nowait(event)

    def _check_fence(self, ref: Ref, fence: Fence | None) -> None:
        if fence is None:
            return
        for found in {guard_of(fence), ref}:
            if (stored := self._records.get(found)) is not None:
                check_fence(fence, found, stored.labels, stored.annotations)
