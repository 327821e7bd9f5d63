"""The file under the contracts: whom a change wakes, and what a cancelled call leaves behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from submariner_local.sqlite import leases, records
from submariner_local.sqlite.database import Database
from submariner_local.sqlite.schema import LEASE_COUNTER

from submariner_core.api.errors import StoreUnavailable
from submariner_core.api.lease import LeaseRecord
from submariner_core.api.transport import Kind, Record, Ref

RECORD = Record(Ref(Kind.GATEWAY, "a"), {})


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """Two connections to one file: for records and for leases, each with one look behind it."""
    both = Database(tmp_path / "s.db", 2), Database(tmp_path / "s.db", 2, LEASE_COUNTER)
    for database in both:
        await database.write(lambda connection: connection.total_changes)
        await database.changed(database.mark, soon(0.2))
    yield both
    for database in both:
        await database.close()


async def test_renewals_of_a_lease_do_not_wake_those_who_watch_records(
    pair: tuple[Database, Database],
) -> None:
    for_records, for_leases = pair
    mark, lease_mark = for_records.mark, for_leases.mark
    lease = None
    for _ in range(10):
        version = lease.version if lease else None
        lease = await for_leases.write(
            lambda connection, version=version: leases.swap(  # type: ignore[misc]
                connection, "east", version, LeaseRecord("a", 1, 3.0)
            )
        )
    assert await for_leases.changed(lease_mark, soon(2))
    assert not await for_records.changed(mark, soon(0.2))
    await for_records.write(lambda connection: records.put(connection, RECORD, None))
    assert await for_records.changed(mark, soon(2))


async def test_a_cancelled_call_that_has_not_begun_is_never_run(
    pair: tuple[Database, Database],
) -> None:
    database, _ = pair
    slow = asyncio.ensure_future(database.read(lambda _: time.sleep(0.2)))
    await asyncio.sleep(0)
    behind = asyncio.ensure_future(
        database.write(lambda connection: records.put(connection, RECORD, None))
    )
    await asyncio.sleep(0.05)
    behind.cancel()
    await asyncio.gather(slow, behind, return_exceptions=True)
    _, events = await database.read(
        lambda connection: records.changes(connection, [Kind.GATEWAY], None)
    )
    assert events[0].records == ()  # type: ignore[union-attr]


async def test_a_disk_that_does_not_answer_is_unavailable_in_time(tmp_path: Path) -> None:
    database = Database(tmp_path / "s.db", 0.1)
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"no answer from its disk within 0\.6 s"):
        await database.read(lambda _: time.sleep(1.2))
    assert time.monotonic() - begun < 1
    await database.close()
