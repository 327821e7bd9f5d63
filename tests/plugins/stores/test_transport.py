"""The transport's contract, asked of every transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from submariner_core.api.errors import StaleEpoch, StoreError, StoreUnavailable
from submariner_core.api.info import Options
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
    Transport,
)

Open = Callable[[Options], Transport]
Build = Callable[..., Record]
Moment = Callable[[], Awaitable[None]]
Following = Callable[[AsyncIterator[Event]], Awaitable[Event]]

ALL = tuple(Kind)


async def stored(transport: Transport) -> tuple[Record, ...]:
    async with aclosing(transport.watch(ALL)) as events:
        async with asyncio.timeout(10):
            first = await anext(events)
    assert isinstance(first, Snapshot)
    return first.records


async def test_a_record_comes_back_as_it_was_put(
    place: Options, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    whole = replace(
        record(
            Kind.ROUTE_AGENT,
            "node-7.example",
            version="ü",
            newer=[1, 2.5, None, {"a": True}],
            empty={},
        ),
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
    """Name and port of a Put."""
    assert isinstance(event, Put)
    spec: Any = event.record.body["spec"]
    return event.record.ref.name, spec.get("port")


async def test_a_watch_tells_what_is_there_and_then_each_change(
    place: Options, transport_to: Open, record: Build, following: Following
) -> None:
    transport, other = transport_to(place), transport_to(place)
    await transport.put(record(name="a"), None)
    async with aclosing(transport.watch([Kind.ENDPOINT])) as events:
        first = await following(events)
        assert isinstance(first, Snapshot)
        assert [entry.ref.name for entry in first.records] == ["a"]
        await other.put(record(Kind.CLUSTER, "not-watched"), None)
        await other.put(record(name="b", port=1), None)
        assert contents(await following(events)) == ("b", 1)
        await transport.put(record(name="a", port=2), None)
        assert contents(await following(events)) == ("a", 2)
        await other.delete(Ref(Kind.ENDPOINT, "b"), None)
        assert await following(events) == Deleted(Ref(Kind.ENDPOINT, "b"))


async def test_created_is_kept_on_replace_and_sorts_by_arrival(
    place: Options, transport_to: Open, record: Build, next_moment: Moment
) -> None:
    transport = transport_to(place)
    for name in ("z", "m", "a"):
        await transport.put(record(name=name), None)
        await next_moment()
    before = {entry.ref.name: entry.created for entry in await stored(transport)}
    assert sorted(before, key=before.__getitem__) == ["z", "m", "a"]
    await transport.put(record(name="z", port=9), None)
    after = {entry.ref.name: entry.created for entry in await stored(transport)}
    assert before == after


async def test_an_equal_put_changes_nothing_and_is_not_told(
    place: Options, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(place)
    await transport.put(record(name="a", one=1, two=2), None)
    async with aclosing(transport.watch(ALL)) as events:
        await following(events)
        await transport.put(record(name="a", two=2, one=1), None)
        await transport.put(record(name="b"), None)
        assert contents(await following(events)) == ("b", None)


async def test_a_record_deleted_and_made_again_is_told_as_both(
    place: Options,
    transport_to: Open,
    record: Build,
    following: Following,
    next_moment: Moment,
) -> None:
    transport = transport_to(place)
    await transport.put(record(name="a"), None)
    async with aclosing(transport.watch(ALL)) as events:
        first = await following(events)
        assert isinstance(first, Snapshot)
        await transport.delete(Ref(Kind.ENDPOINT, "a"), None)
        await next_moment()
        await transport.put(record(name="a"), None)
        assert await following(events) == Deleted(Ref(Kind.ENDPOINT, "a"))
        again = await following(events)
        assert isinstance(again, Put)
        assert again.record.created > first.records[0].created


async def test_deleting_what_is_not_there_is_fine_and_is_not_told(
    place: Options, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(place)
    async with aclosing(transport.watch(ALL)) as events:
        assert await following(events) == Snapshot(())
        await transport.delete(Ref(Kind.GATEWAY, "nobody"), Fence("east", 1))
        await transport.put(record(name="b"), None)
        assert contents(await following(events)) == ("b", None)


async def test_every_watcher_of_one_transport_is_told(
    place: Options, transport_to: Open, record: Build, following: Following
) -> None:
    transport = transport_to(place)
    async with aclosing(transport.watch(ALL)) as one, aclosing(transport.watch(ALL)) as two:
        assert await following(one) == await following(two) == Snapshot(())
        await transport.put(record(name="a"), None)
        assert contents(await following(one)) == contents(await following(two)) == ("a", None)


async def test_a_put_below_the_epoch_of_the_cluster_record_is_refused(
    place: Options, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    await transport.put(record(Kind.CLUSTER, "east-1.x", epoch=7), None)
    with pytest.raises(StaleEpoch) as refusal:
        await transport.put(record(name="a", epoch=6), Fence("East_1.x", 6))
    assert (refusal.value.stored, refusal.value.offered) == (7, 6)
    assert refusal.value.cluster_id == "East_1.x"
    assert [entry.ref.kind for entry in await stored(transport)] == [Kind.CLUSTER]


async def test_a_put_or_delete_below_the_epoch_of_the_stored_record_is_refused(
    place: Options, transport_to: Open, record: Build
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
    place: Options, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    await transport.put(record(name="a", epoch=7), None)
    with pytest.raises(StaleEpoch):
        await transport.put(record(name="a", epoch=7), Fence("east", 6))


async def test_an_equal_or_higher_epoch_and_another_clusters_epoch_do_not_refuse(
    place: Options, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    await transport.put(record(Kind.CLUSTER, "east", epoch=7), None)
    await transport.put(record(Kind.CLUSTER, "west", epoch=99), None)
    await transport.put(record(name="a", epoch=7), Fence("east", 7))
    await transport.put(record(name="a", epoch=8), Fence("east", 8))
    await transport.delete(Ref(Kind.ENDPOINT, "a"), Fence("east", 8))
    assert {entry.ref.name for entry in await stored(transport)} == {"east", "west"}


async def test_a_copy_of_another_clusters_record_is_replaced_whatever_its_epoch(
    place: Options, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    labels = {CLUSTER_ID_LABEL: "west"}
    copy = replace(record(Kind.CLUSTER, "west", epoch=9), labels=labels)
    await transport.put(copy, Fence("east", 1))
    changed = replace(copy, body=record(Kind.CLUSTER, "west", x=2).body)
    await transport.put(changed, Fence("east", 1))
    assert [entry.body for entry in await stored(transport)] == [changed.body]
    await transport.delete(copy.ref, Fence("east", 1))
    assert await stored(transport) == ()


@pytest.mark.parametrize("epoch", ["", "-3", "seven", "7.0", "٧", "9" * 400, str(2**53), "9" * 19])
async def test_an_epoch_that_no_reader_takes_fences_nobody(
    place: Options, transport_to: Open, record: Build, epoch: str
) -> None:
    transport = transport_to(place)
    upstream = replace(record(Kind.CLUSTER, "east"), annotations={EPOCH_ANNOTATION: epoch})
    await transport.put(upstream, None)
    await transport.put(record(name="a"), Fence("east", 1))
    assert len(await stored(transport)) == 2


async def test_a_body_that_is_no_json_is_refused_and_nothing_is_written(
    place: Options, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    for value in (float("nan"), object(), {1, 2}):
        with pytest.raises(StoreError, match="JSON"):
            await transport.put(record(name="a", value=value), None)
    assert await stored(transport) == ()


async def test_a_snapshot_of_megabytes_comes_whole(
    place: Options, transport_to: Open, record: Build
) -> None:
    transport = transport_to(place)
    for number in range(30):
        await transport.put(record(name=f"n{number}", text="x" * 200_000), None)
    assert len(await stored(transport)) == 30


async def test_a_closed_transport_says_so_and_closes_again(
    place: Options, transport_to: Open, record: Build, following: Following
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
