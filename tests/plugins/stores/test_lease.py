"""The lease store's contract, asked of every lease store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from submariner_core.api.info import Options
from submariner_core.api.lease import LeaseRecord, LeaseStore

Open = Callable[..., LeaseStore]

FIRST = LeaseRecord(holder="a", epoch=1, duration=3.0)


async def test_there_is_no_lease_until_one_is_written(place: Options, lease_in: Open) -> None:
    store = lease_in(place)
    assert await store.read() is None
    written = await store.swap(None, LeaseRecord("a", 4, 2.5, successor="b", version="ignored"))
    assert written is not None
    assert written == LeaseRecord("a", 4, 2.5, successor="b", version=written.version)
    assert await store.read() == written


async def test_a_lost_race_returns_none_and_changes_nothing(
    place: Options, lease_in: Open
) -> None:
    mine, theirs = lease_in(place), lease_in(place)
    seen = await mine.swap(None, FIRST)
    taken = await theirs.swap(seen, LeaseRecord("b", 2, 3.0))
    assert await mine.swap(seen, FIRST) is None
    assert await mine.swap(None, FIRST) is None
    assert await mine.read() == taken


async def test_a_lease_that_is_expected_and_missing_is_a_lost_race(
    place: Options, lease_in: Open
) -> None:
    store = lease_in(place)
    assert await store.swap(LeaseRecord("a", 1, 3.0, version="gone.1"), FIRST) is None
    assert await store.read() is None


async def test_a_renewal_changes_the_version_only(place: Options, lease_in: Open) -> None:
    store = lease_in(place)
    first = await store.swap(None, FIRST)
    second = await store.swap(first, FIRST)
    assert first is not None
    assert second is not None
    assert second.version != first.version
    assert (second.holder, second.epoch) == (first.holder, first.epoch)


async def test_of_many_candidates_at_once_exactly_one_wins(place: Options, lease_in: Open) -> None:
    stores = [lease_in(place) for _ in range(8)]
    for store in stores:
        await store.read()  # with its connection open, each has the same chance
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
    place: Options, lease_in: Open
) -> None:
    store, other = lease_in(place), lease_in(place)
    async with aclosing(store.watch()) as changes, asyncio.timeout(10):
        assert await anext(changes) is None
        first = await other.swap(None, FIRST)
        assert await anext(changes) == first
        second = await store.swap(first, FIRST)
        assert await anext(changes) == second
