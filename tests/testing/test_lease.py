"""The in-memory lease is compared and swapped by version."""

from __future__ import annotations

import asyncio

import pytest

from submariner_core.api.errors import StoreUnavailable
from submariner_core.api.lease import LeaseRecord
from submariner_core.testing import MemoryLease, MemoryLeaseStore


def held_by(holder: str, epoch: int = 1) -> LeaseRecord:
    return LeaseRecord(holder, epoch, 3.0)


async def test_the_first_swap_wins_and_the_second_is_a_lost_race() -> None:
    lease = MemoryLease()
    one, two = MemoryLeaseStore(lease), MemoryLeaseStore(lease)
    stored = await one.swap(None, held_by("a"))
    assert stored is not None
    assert stored.holder == "a"
    assert await two.swap(None, held_by("b")) is None
    assert await two.read() == stored


async def test_a_renewal_changes_the_version() -> None:
    store = MemoryLeaseStore()
    first = await store.swap(None, held_by("a"))
    second = await store.swap(first, held_by("a"))
    assert first is not None
    assert second is not None
    assert second.version != first.version
    assert await store.swap(first, held_by("b")) is None


async def test_a_wiped_lease_is_none_and_can_be_taken() -> None:
    store = MemoryLeaseStore()
    stored = await store.swap(None, held_by("a"))
    store.lease.wipe()
    assert await store.read() is None
    assert await store.swap(stored, held_by("a")) is None
    assert await store.swap(None, held_by("b")) is not None


async def test_a_lost_answer_is_a_swap_that_happened() -> None:
    store = MemoryLeaseStore()
    store.connection.lost_answers = 1
    with pytest.raises(StoreUnavailable):
        await store.swap(None, held_by("a"))
    stored = await store.read()
    assert stored is not None
    assert stored.holder == "a"


async def test_a_watch_shows_each_change_and_an_outage() -> None:
    store = MemoryLeaseStore()
    changes = store.watch()
    async with asyncio.timeout(1):
        assert await anext(changes) is None
        stored = await store.swap(None, held_by("a"))
        assert await anext(changes) == stored
        store.lease.go_away()
        with pytest.raises(StoreUnavailable):
            await anext(changes)
    with pytest.raises(StoreUnavailable):
        await store.read()
