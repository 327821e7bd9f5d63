"""The in-memory store keeps the transport's promises, and goes wrong on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from submariner_core.api.errors import StaleEpoch, StoreUnavailable
from submariner_core.api.naming import CLUSTER_ID_LABEL, EPOCH_ANNOTATION
from submariner_core.api.transport import Deleted, Event, Fence, Kind, Put, Record, Ref, Snapshot
from submariner_core.testing import MemoryStore, MemoryTransport

ENDPOINT = Ref(Kind.ENDPOINT, "east-1")
CLUSTER = Ref(Kind.CLUSTER, "east")


def record(ref: Ref, epoch: int | None = None, **spec: object) -> Record:
    annotations = {} if epoch is None else {EPOCH_ANNOTATION: str(epoch)}
    return Record(ref, {"spec": spec}, annotations=annotations)


async def following(events: AsyncIterator[Event]) -> Event:
    async with asyncio.timeout(1):
        return await anext(events)


async def test_a_put_with_an_epoch_below_the_cluster_record_is_refused() -> None:
    transport = MemoryTransport()
    await transport.put(record(CLUSTER, epoch=5), None)
    with pytest.raises(StaleEpoch) as refusal:
        await transport.put(record(ENDPOINT), Fence("east", 4))
    assert refusal.value.stored == 5
    assert transport.store.get(Kind.ENDPOINT, "east-1") is None


async def test_a_put_with_an_epoch_below_the_stored_record_is_refused() -> None:
    transport = MemoryTransport()
    await transport.put(record(ENDPOINT, epoch=3), Fence("east", 3))
    with pytest.raises(StaleEpoch):
        await transport.put(record(ENDPOINT, epoch=2), Fence("east", 2))
    with pytest.raises(StaleEpoch):
        await transport.delete(ENDPOINT, Fence("east", 2))
    await transport.delete(ENDPOINT, Fence("east", 3))
    assert transport.store.records == ()


async def test_another_clusters_epoch_does_not_fence() -> None:
    transport = MemoryTransport()
    await transport.put(record(Ref(Kind.CLUSTER, "west"), epoch=9), None)
    await transport.put(record(ENDPOINT, epoch=1), Fence("east", 1))
    assert transport.store.get(Kind.ENDPOINT, "east-1") is not None


async def test_a_copy_of_another_clusters_record_is_replaced_whatever_its_epoch() -> None:
    transport = MemoryTransport()
    labels = {CLUSTER_ID_LABEL: "west"}
    copy = replace(record(Ref(Kind.CLUSTER, "west"), epoch=9), labels=labels)
    await transport.put(copy, Fence("east", 1))
    await transport.put(replace(copy, body={"spec": {"x": 2}}), Fence("east", 1))
    await transport.delete(copy.ref, Fence("east", 1))
    assert transport.store.records == ()


async def test_an_equal_put_writes_nothing_and_a_change_keeps_created() -> None:
    transport = MemoryTransport()
    await transport.put(record(ENDPOINT, x=1), None)
    before = transport.store.records[0].created
    await transport.put(record(ENDPOINT, x=1), None)
    assert transport.store.writes == 1
    await transport.put(record(ENDPOINT, x=2), None)
    assert transport.store.records[0].created == before
    await transport.put(record(CLUSTER), None)
    assert transport.store.records[1].created > before


async def test_a_watch_starts_with_a_snapshot_of_its_kinds_and_goes_on_with_changes() -> None:
    transport = MemoryTransport()
    other = MemoryTransport(transport.store)
    await transport.put(record(ENDPOINT), None)
    await transport.put(record(CLUSTER), None)
    events = transport.watch([Kind.ENDPOINT])
    assert isinstance(first := await following(events), Snapshot)
    assert [r.ref for r in first.records] == [ENDPOINT]
    await other.put(record(CLUSTER, x=1), None)
    await other.put(record(ENDPOINT, x=1), None)
    await other.delete(ENDPOINT, None)
    assert isinstance(second := await following(events), Put)
    assert second.record.body == {"spec": {"x": 1}}
    assert await following(events) == Deleted(ENDPOINT)


async def test_a_wiped_or_restored_store_shows_as_a_snapshot() -> None:
    transport = MemoryTransport()
    await transport.put(record(ENDPOINT, x=1), None)
    image = transport.store.save()
    await transport.put(record(ENDPOINT, x=2), None)
    events = transport.watch([Kind.ENDPOINT])
    await following(events)
    transport.store.wipe()
    assert await following(events) == Snapshot(())
    transport.store.restore(image)
    assert isinstance(restored := await following(events), Snapshot)
    assert restored.records[0].body == {"spec": {"x": 1}}


async def test_an_outage_ends_watches_and_calls_of_everyone() -> None:
    store = MemoryStore()
    one, two = MemoryTransport(store), MemoryTransport(store)
    events = one.watch(list(Kind))
    await following(events)
    store.go_away()
    with pytest.raises(StoreUnavailable):
        await following(events)
    with pytest.raises(StoreUnavailable):
        await two.put(record(ENDPOINT), None)
    store.come_back()
    await two.put(record(ENDPOINT), None)


async def test_a_cut_transport_leaves_the_others_alone() -> None:
    store = MemoryStore()
    one, two = MemoryTransport(store), MemoryTransport(store)
    events = one.watch(list(Kind))
    await following(events)
    one.cut()
    with pytest.raises(StoreUnavailable):
        await following(events)
    await two.put(record(ENDPOINT), None)
    with pytest.raises(StoreUnavailable):
        await one.delete(ENDPOINT, None)
    one.mend()
    await one.delete(ENDPOINT, None)
    assert store.records == ()


async def test_a_lost_answer_is_a_write_that_happened() -> None:
    transport = MemoryTransport()
    transport.connection.lost_answers = 1
    with pytest.raises(StoreUnavailable):
        await transport.put(record(ENDPOINT), None)
    assert [r.ref for r in transport.store.records] == [ENDPOINT]


async def test_what_a_caller_does_to_its_record_later_is_its_own() -> None:
    transport = MemoryTransport()
    body: dict[str, object] = {"spec": {"x": 1}}
    await transport.put(Record(ENDPOINT, body), None)
    body["spec"] = {"x": 2}
    assert transport.store.records[0].body == {"spec": {"x": 1}}
