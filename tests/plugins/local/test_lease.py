"""The lease store's contract, by file and by url."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from submariner_local.http.store import HttpLeaseStore
from submariner_local.options import LocalOptions
from submariner_local.sqlite.store import FileLeaseStore

from submariner_core.api.lease import LeaseRecord

AnyLeaseStore = FileLeaseStore | HttpLeaseStore
Open = Callable[..., AnyLeaseStore]

FIRST = LeaseRecord(holder="a", epoch=1, duration=3.0)


async def test_there_is_no_lease_until_one_is_written(place: LocalOptions, lease_in: Open) -> None:
    store = lease_in(place)
    assert await store.read() is None
    written = await store.swap(None, LeaseRecord("a", 4, 2.5, successor="b", version="ignored"))
    assert written is not None
    assert written == LeaseRecord("a", 4, 2.5, successor="b", version=written.version)
    assert await store.read() == written


async def test_a_lost_race_returns_none_and_changes_nothing(
    place: LocalOptions, lease_in: Open
) -> None:
    mine, theirs = lease_in(place), lease_in(place)
    seen = await mine.swap(None, FIRST)
    taken = await theirs.swap(seen, LeaseRecord("b", 2, 3.0))
    assert await mine.swap(seen, FIRST) is None
    assert await mine.swap(None, FIRST) is None
    assert await mine.read() == taken


async def test_a_lease_that_is_expected_and_missing_is_a_lost_race(
    place: LocalOptions, lease_in: Open
) -> None:
    store = lease_in(place)
    assert await store.swap(LeaseRecord("a", 1, 3.0, version="gone.1"), FIRST) is None
    assert await store.read() is None


async def test_a_renewal_changes_the_version_only(place: LocalOptions, lease_in: Open) -> None:
    store = lease_in(place)
    first = await store.swap(None, FIRST)
    second = await store.swap(first, FIRST)
    assert first is not None
    assert second is not None
    assert second.version != first.version
    assert (second.holder, second.epoch) == (first.holder, first.epoch)


async def test_leases_of_two_clusters_in_one_store_are_two(
    place: LocalOptions, lease_in: Open
) -> None:
    east, west = lease_in(place, "east"), lease_in(place, "west")
    assert await east.swap(None, FIRST) is not None
    assert await west.read() is None
    assert await west.swap(None, FIRST) is not None


async def test_of_many_candidates_at_once_exactly_one_wins(
    place: LocalOptions, lease_in: Open
) -> None:
    stores = [lease_in(place) for _ in range(8)]
    expected = None
    for epoch in range(1, 6):
        results = await asyncio.gather(
            *(
                store.swap(expected, LeaseRecord(f"candidate-{number}", epoch, 3.0))
                for number, store in enumerate(stores)
            )
        )
        (expected,) = [result for result in results if result is not None]
        assert await stores[0].read() == expected


async def test_a_watch_tells_the_lease_and_then_each_change(
    place: LocalOptions, lease_in: Open
) -> None:
    store, other = lease_in(place), lease_in(place)
    async with aclosing(store.watch()) as changes, asyncio.timeout(5):
        assert await anext(changes) is None
        first = await other.swap(None, FIRST)
        assert await anext(changes) == first
        second = await store.swap(first, FIRST)
        assert await anext(changes) == second
