"""Transport and LeaseStore on a SQLite file: for the processes of one machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection

from submariner_core.api.lease import LeaseRecord, LeaseStore
from submariner_core.api.transport import Event, Fence, Kind, Record, Ref, Transport
from submariner_local.sqlite import leases, records
from submariner_local.sqlite.database import Database


class RecordWatch:
    """One reader of the changes of some kinds."""

    def __init__(self, database: Database, kinds: Collection[Kind]) -> None:
        self._database = database
        self._kinds = frozenset(kinds)
        self._mark = -1
        self._position: records.Position | None = None

    async def next(self, timeout: float | None) -> tuple[Event, ...]:
        """The next events, a Snapshot first; nothing if none comes for ``timeout`` seconds."""
        ends = _ends(timeout)
        while self._position is None or await self._database.changed(self._mark, ends):
            self._mark = self._database.mark
            self._position, events = await self._database.read(
                lambda connection: records.changes(connection, self._kinds, self._position)
            )
            if events:
                return events
        return ()


class LeaseWatch:
    """One reader of the changes of a lease."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._mark: int | None = None
        self._last: LeaseRecord | None = None

    async def next(self, timeout: float | None) -> tuple[LeaseRecord | None, ...]:
        """The lease at first, then each change; nothing if none comes for ``timeout`` seconds."""
        ends = _ends(timeout)
        while self._mark is None or await self._database.changed(self._mark, ends):
            first, self._mark = self._mark is None, self._database.mark
            record = await self._database.read(
                lambda connection: leases.read(connection, self._name)
            )
            if first or record != self._last:
                self._last = record
                return (record,)
        return ()


def _ends(timeout: float | None) -> float | None:
    """The loop's time at which a wait of ``timeout`` seconds from now ends."""
    return None if timeout is None else asyncio.get_running_loop().time() + timeout


class FileTransport(Transport):
    """A datastore or broker in a SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, record: Record, fence: Fence | None) -> None:
        """See :meth:`Transport.put`."""
        await self._database.write(lambda connection: records.put(connection, record, fence))

    async def delete(self, ref: Ref, fence: Fence | None) -> None:
        """See :meth:`Transport.delete`."""
        await self._database.write(lambda connection: records.delete(connection, ref, fence))

    async def watch(self, kinds: Collection[Kind]) -> AsyncGenerator[Event, None]:
        """See :meth:`Transport.watch`."""
        watch = RecordWatch(self._database, kinds)
        while True:
            for event in await watch.next(None):
                yield event

    async def close(self) -> None:
        """Release the file."""
        await self._database.close()


class FileLeaseStore(LeaseStore):
    """One lease in a SQLite file, called after its cluster."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    async def read(self) -> LeaseRecord | None:
        """See :meth:`LeaseStore.read`."""
        return await self._database.read(lambda connection: leases.read(connection, self._name))

    async def swap(self, expected: LeaseRecord | None, new: LeaseRecord) -> LeaseRecord | None:
        """See :meth:`LeaseStore.swap`."""
        version = None if expected is None else expected.version
        return await self._database.write(
            lambda connection: leases.swap(connection, self._name, version, new)
        )

    async def watch(self) -> AsyncGenerator[LeaseRecord | None, None]:
        """See :meth:`LeaseStore.watch`; a change is told within some 20 ms."""
        watch = LeaseWatch(self._database, self._name)
        while True:
            for record in await watch.next(None):
                yield record

    async def close(self) -> None:
        """Release the file."""
        await self._database.close()
