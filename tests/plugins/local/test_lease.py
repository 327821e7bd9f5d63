"""What only a store for several clusters can show: leases are told apart by their cluster."""

from __future__ import annotations

from collections.abc import Callable

from submariner_local.http.store import HttpLeaseStore
from submariner_local.options import LocalOptions
from submariner_local.sqlite.store import FileLeaseStore

from submariner_core.api.lease import LeaseRecord

Open = Callable[..., FileLeaseStore | HttpLeaseStore]

FIRST = LeaseRecord(holder="a", epoch=1, duration=3.0)


async def test_leases_of_two_clusters_in_one_store_are_two(
    place: LocalOptions, lease_in: Open
) -> None:
    east, west = lease_in(place, "east"), lease_in(place, "west")
    assert await east.swap(None, FIRST) is not None
    assert await west.read() is None
    assert await west.swap(None, FIRST) is not None
