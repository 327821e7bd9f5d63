"""The transport: a key for each record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing

from submariner_core.api.errors import StoreUnavailable
from submariner_core.api.fencing import check_fence, guard_of
from submariner_core.api.naming import IPAddress
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
from submariner_etcd.client import EtcdClient
from submariner_etcd.keys import Change, KeyValue, delete, put, ranges, unchanged
from submariner_etcd.records import to_key, to_record, to_ref, to_value
from submariner_etcd.watch import Compacted

RACES = 20
"""How often a write is tried against others that change the same keys; one of them won each."""


class EtcdTransport(Transport):
    """A datastore or broker in an etcd: all keys below ``prefix``, which ends in a slash.

    What a fence asks for is checked in the transaction that writes.
    """

    def __init__(self, client: EtcdClient, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    async def put(self, record: Record, fence: Fence | None) -> None:
        """See :meth:`Transport.put`."""
        await self._write(record.ref, fence, to_value(record))

    async def delete(self, ref: Ref, fence: Fence | None) -> None:
        """See :meth:`Transport.delete`."""
        await self._write(ref, fence, None)

    async def watch(self, kinds: Collection[Kind]) -> AsyncGenerator[Event, None]:
        """See :meth:`Transport.watch`."""
        wanted = frozenset(kinds)
        while True:
            found = await self._client.range(self._prefix, below=True)
            known = ((self._ref(one), one) for one in found.keys)
            records = (to_record(ref, one) for ref, one in known if ref and ref.kind in wanted)
            yield Snapshot(tuple(records))
            try:
                events = self._client.watch(self._prefix, found.revision + 1, below=True)
                async with aclosing(events) as some:
                    async for told in some:
                        for change in told:
                            if (event := self._event(change)) and _kind(event) in wanted:
                                yield event
            except Compacted:
                continue

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The members' addresses."""
        return self._client.addresses

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _write(self, ref: Ref, fence: Fence | None, value: bytes | None) -> None:
        """Put ``value``, or delete where it is ``None``, unless it is so already."""
        key = to_key(self._prefix, ref)
        refs = {ref} if fence is None else {ref, guard_of(fence)}
        for _ in range(RACES):
            stored = await self._stored(refs)
            for other, one in stored.items():
                if one is not None:
                    record = to_record(other, one)
                    check_fence(fence, other, record.labels, record.annotations)
            now = stored[ref]
            if (now.value if now is not None else None) == value:
                return
            conditions = [unchanged(to_key(self._prefix, r), one) for r, one in stored.items()]
            operation = delete(key) if value is None else put(key, value)
            if await self._client.write(conditions, operation) is not None:
                return
        raise StoreUnavailable(f"{ref}: others change it all the time; not written")

    async def _stored(self, refs: Collection[Ref]) -> Mapping[Ref, KeyValue | None]:
        """What is stored of these, as of one moment."""
        found = await self._client.read(ranges([to_key(self._prefix, ref) for ref in refs]))
        return {
            ref: one.keys[0] if one.keys else None for ref, one in zip(refs, found, strict=True)
        }

    def _ref(self, found: KeyValue) -> Ref | None:
        return to_ref(self._prefix, found.key)

    def _event(self, change: Change) -> Event | None:
        ref = self._ref(change.key)
        if ref is None:
            return None
        return Deleted(ref) if change.gone else Put(to_record(ref, change.key))


def _kind(event: Event) -> Kind | None:
    if isinstance(event, Put):
        return event.record.ref.kind
    return event.ref.kind if isinstance(event, Deleted) else None
