"""The in-memory twin of a lease store."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator

from submariner_core.api.lease import LeaseRecord, LeaseStore
from submariner_core.testing.connection import Connection


class MemoryLease:
    """One lease as a store holds it; several :class:`MemoryLeaseStore` may share it."""

    def __init__(self) -> None:
        self.available = True
        self.record: LeaseRecord | None = None
        self.changed = asyncio.Event()
        self._versions = 0

    def write(self, new: LeaseRecord) -> LeaseRecord:
        """Store a record, whatever is there, under a new version."""
        self._versions += 1
        self.record = dataclasses.replace(new, version=str(self._versions))
        self._tell()
        return self.record

    def wipe(self) -> None:
        """Lose the record, as a rebuilt store does."""
        self.record = None
        self._tell()

    def go_away(self) -> None:
        """An outage: every call and every watch fails until :meth:`come_back`."""
        self.available = False
        self._tell()

    def come_back(self) -> None:
        """The end of an outage."""
        self.available = True

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class MemoryLeaseStore(LeaseStore):
    """One gateway's way to a :class:`MemoryLease`."""

    def __init__(self, lease: MemoryLease | None = None, name: str = "memory lease store") -> None:
        self.lease = lease if lease is not None else MemoryLease()
        self.connection = Connection(name)

    async def read(self) -> LeaseRecord | None:
        """See the contract."""
        await self._reach()
        return self.lease.record

    async def swap(self, expected: LeaseRecord | None, new: LeaseRecord) -> LeaseRecord | None:
        """See the contract."""
        await self._reach()
        stored = self.lease.record
        found = stored.version if stored is not None else None
        wanted = expected.version if expected is not None else None
        written = self.lease.write(new) if found == wanted else None
        self.connection.answer()
        return written

    async def watch(self) -> AsyncIterator[LeaseRecord | None]:
        """See the contract; a cut connection shows at the next change."""
        while True:
            changed = self.lease.changed
            yield await self.read()
            await changed.wait()

    async def _reach(self) -> None:
        await self.connection.request()
        if not self.lease.available:
            raise self.connection.unavailable("finds no store")
