"""The transport's contract, by file and by url."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest
from submariner_local.http.store import HttpTransport
from submariner_local.options import LocalOptions
from submariner_local.sqlite.store import FileTransport

from submariner_core.api.errors import StaleEpoch, StoreError, StoreUnavailable
from submariner_core.api.naming import CLUSTER_ID_LABEL, EPOCH_ANNOTATION
from submariner_core.api.transport import (
    Deleted,
    Event,
    Fence,
    Kind,
    Put,
    Record,
    Ref,
    Snapshot,
)

AnyTransport = FileTransport | HttpTransport
Open = Callable[[LocalOptions], AnyTransport]
Build = Callable[..., Record]
Following = Callable[[AsyncIterator[Event]], Awaitable[Event]]

ALL = tuple(Kind)


async def stored(transport: AnyTransport) -> tuple[Record, ...]:
    async with aclosing(transport.watch(ALL)) as events:
        async with asyncio.timeout(5):
            first = await anext(events)
    assert isinstance(first, Snapshot)
    return first.records


async def test_a_record_comes_back_as_it_was_put(place: LocalOptions, transport_to: Open) -> None:
    transport = transport_to(place)
    whole = Record(
        Ref(Kind.ROUTE_AGENT, "Node_7.example"),
        {"status": {"version": "ü", "list": [1, 2.5, None, {"a": True}]}, "unknown": {}},
        labels={"submariner-io/clusterID": "west"},
        annotations={"note": "two\nlines"},
        created="the caller's own is ignored",
    )
    await transport.put(whole, None)
    (found,) = await stored(transport)
    assert found.body == whole.body
    assert (found.ref, found.labels, found.annotations) == (
        whole.ref,
        whole.labels,
        whole.annotations,
    )
    assert found.created != whole.created


def contents(event: Event) -> tuple[str, object]:
    """Name and spec of a Put, without what the store adds."""
    assert isinstance(event, Put)
    return event.record.ref.name, event.record.body["spec"]


async def test_a_watch_tells_what_is_there_and_then_each_change(
    place: LocalOptions, transport_to: Open, record: Build, following: Following
) -> None:
    transport, other = transport_to(place), transport_to(place)
    await transport.put(record(name="a"), None)
    async with aclosing(transport.watch([Kind.ENDPOINT])) as events:
        first = await following(events)
        assert isinstance(first, Snapshot)
        assert [entry.ref.name for entry in first.records] == ["a"]
        await other.put(record(Kind.CLUSTER, "not-watched"), None)
        await other.put(record(name="b", port=1), None)
        assert contents(await following(events)) == ("b", {"port": 1})
        await transport.put(record(name="a", port=2), None)
        assert contents(await following(events)) == ("a", {"port": 2})
        await other.delete(Ref(Kind.ENDPOINT, "b"), None)
        assert await following(events) == Deleted(Ref(Kind.ENDPOINT, "b"))


async def test_created_is_kept_on_replace_and_sorts_by_arrival(
    place: LocalOptions, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    for name in ("z", "m", "a"):
        await transport.put(record(name=name), None)
    before = {entry.ref.name: entry.created for entry in await stored(transport)}
    assert sorted(before, key=before.__getitem__) == ["z", "m", "a"]
    await transport.put(record(name="z", port=9), None)
    after = {entry.ref.name: entry.created for entry in await stored(transport)}
    assert before == after


async def test_an_equal_put_changes_nothing_and_is_not_told(
    place: LocalOptions, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(place)
    await transport.put(record(name="a", one=1, two=2), None)
    async with aclosing(transport.watch(ALL)) as events:
        await following(events)
        await transport.put(record(name="a", two=2, one=1), None)
        await transport.put(record(name="b"), None)
        assert contents(await following(events)) == ("b", {})


async def test_a_record_deleted_and_made_again_is_told_as_both(
    place: LocalOptions, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(place)
    await transport.put(record(name="a"), None)
    async with aclosing(transport.watch(ALL)) as events:
        first = await following(events)
        assert isinstance(first, Snapshot)
        await transport.delete(Ref(Kind.ENDPOINT, "a"), None)
        await transport.put(record(name="a"), None)
        assert await following(events) == Deleted(Ref(Kind.ENDPOINT, "a"))
        again = await following(events)
        assert isinstance(again, Put)
        assert again.record.created > first.records[0].created


async def test_deleting_what_is_not_there_is_fine_and_is_not_told(
    place: LocalOptions, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(place)
    async with aclosing(transport.watch(ALL)) as events:
        assert await following(events) == Snapshot(())
        await transport.delete(Ref(Kind.GATEWAY, "nobody"), Fence("east", 1))
        await transport.put(record(name="b"), None)
        assert contents(await following(events)) == ("b", {})


async def test_every_watcher_of_one_transport_is_told(
    place: LocalOptions, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(place)
    async with aclosing(transport.watch(ALL)) as one, aclosing(transport.watch(ALL)) as two:
        assert await following(one) == await following(two) == Snapshot(())
        await transport.put(record(name="a"), None)
        assert contents(await following(one)) == contents(await following(two)) == ("a", {})


async def test_a_put_below_the_epoch_of_the_cluster_record_is_refused(
    place: LocalOptions, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    await transport.put(record(Kind.CLUSTER, "east-1.x", epoch=7), None)
    with pytest.raises(StaleEpoch) as refusal:
        await transport.put(record(name="a", epoch=6), Fence("East_1.x", 6))
    assert (refusal.value.stored, refusal.value.offered) == (7, 6)
    assert refusal.value.cluster_id == "East_1.x"
    assert [entry.ref.kind for entry in await stored(transport)] == [Kind.CLUSTER]


async def test_a_put_or_delete_below_the_epoch_of_the_stored_record_is_refused(
    place: LocalOptions, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    await transport.put(record(name="a", epoch=7), Fence("east", 7))
    with pytest.raises(StaleEpoch):
        await transport.put(record(name="a", epoch=6), Fence("east", 6))
    with pytest.raises(StaleEpoch):
        await transport.delete(Ref(Kind.ENDPOINT, "a"), Fence("east", 6))
    (kept,) = await stored(transport)
    assert kept.annotations == record(epoch=7).annotations


async def test_an_equal_put_with_a_stale_fence_is_refused_too(
    place: LocalOptions, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    await transport.put(record(name="a", epoch=7), None)
    with pytest.raises(StaleEpoch):
        await transport.put(record(name="a", epoch=7), Fence("east", 6))


async def test_an_equal_or_higher_epoch_and_another_clusters_epoch_do_not_refuse(
    place: LocalOptions, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    await transport.put(record(Kind.CLUSTER, "east", epoch=7), None)
    await transport.put(record(Kind.CLUSTER, "west", epoch=99), None)
    await transport.put(record(name="a", epoch=7), Fence("east", 7))
    await transport.put(record(name="a", epoch=8), Fence("east", 8))
    await transport.delete(Ref(Kind.ENDPOINT, "a"), Fence("east", 8))
    assert {entry.ref.name for entry in await stored(transport)} == {"east", "west"}


async def test_a_copy_of_another_clusters_record_is_replaced_whatever_its_epoch(
    place: LocalOptions, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    labels = {CLUSTER_ID_LABEL: "west"}
    copy = replace(record(Kind.CLUSTER, "west", epoch=9), labels=labels)
    await transport.put(copy, Fence("east", 1))
    await transport.put(replace(copy, body={"spec": {"x": 2}}), Fence("east", 1))
    assert [entry.body for entry in await stored(transport)] == [{"spec": {"x": 2}}]
    await transport.delete(copy.ref, Fence("east", 1))
    assert await stored(transport) == ()


@pytest.mark.parametrize("epoch", ["", "-3", "seven", "7.0", "٧", "9" * 400])
async def test_an_epoch_that_is_no_number_fences_nobody(
    place: LocalOptions, transport_to: Open, epoch: str
) -> None:
    transport = transport_to(place)
    upstream = Record(Ref(Kind.CLUSTER, "east"), {}, annotations={EPOCH_ANNOTATION: epoch})
    await transport.put(upstream, None)
    await transport.put(Record(Ref(Kind.ENDPOINT, "a"), {}), Fence("east", 1))
    assert len(await stored(transport)) == 2


async def test_a_body_that_is_no_json_is_refused_and_nothing_is_written(
    place: LocalOptions, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    for value in (float("nan"), object(), {1, 2}):
        with pytest.raises(StoreError, match="JSON"):
            await transport.put(record(name="a", value=value), None)
    assert await stored(transport) == ()


async def test_a_snapshot_of_megabytes_comes_whole(
    place: LocalOptions, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    for number in range(30):
        await transport.put(record(name=f"n{number}", text="x" * 200_000), None)
    assert len(await stored(transport)) == 30


async def test_a_closed_transport_says_so_and_closes_again(
    place: LocalOptions, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(place)
    await transport.put(record(), None)
    watching = transport.watch(ALL)
    await following(watching)
    waiting = asyncio.ensure_future(following(watching))
    await asyncio.sleep(0)
    await transport.close()
    await transport.close()
    with pytest.raises(StoreUnavailable):
        await waiting
    with pytest.raises(StoreUnavailable, match="closed"):
        await transport.put(record(), None)
