"""The lease store: one key, compared and swapped in one transaction."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from submariner_core.api.errors import StoreError
from submariner_core.api.lease import LeaseRecord, LeaseStore
from submariner_core.api.naming import IPAddress
from submariner_etcd.client import EtcdClient
from submariner_etcd.keys import KeyValue, put, says, unchanged
from submariner_etcd.watch import Compacted


class EtcdLeaseStore(LeaseStore):
    """One lease. Its version is the revision of the key.

    A swap asks for the value as well: a rebuilt etcd counts revisions from the start again.
    """

    def __init__(self, client: EtcdClient, key: str) -> None:
        self._client = client
        self._key = key

    async def read(self) -> LeaseRecord | None:
        """See :meth:`LeaseStore.read`."""
        found = await self._client.range(self._key)
        return self._record(found.keys[0]) if found.keys else None

    async def swap(self, expected: LeaseRecord | None, new: LeaseRecord) -> LeaseRecord | None:
        """See :meth:`LeaseStore.swap`. After StoreUnavailable it may have happened or not."""
        if expected is None:
            conditions = [unchanged(self._key, None)]
        elif expected.version.isascii() and expected.version.isdigit():
            stored = KeyValue(self._key, _encode(expected), 0, int(expected.version))
            conditions = [unchanged(self._key, stored), says(self._key, stored.value)]
        else:
            return None  # of another store
        revision = await self._client.write(conditions, put(self._key, _encode(new)))
        return None if revision is None else replace(new, version=str(revision))

    async def watch(self) -> AsyncGenerator[LeaseRecord | None, None]:
        """See :meth:`LeaseStore.watch`."""
        while True:
            found = await self._client.range(self._key)
            yield self._record(found.keys[0]) if found.keys else None
            try:
                events = self._client.watch(self._key, found.revision + 1)
                async with aclosing(events) as some:
                    async for told in some:
                        for change in told:
                            yield None if change.gone else self._record(change.key)
            except Compacted:
                continue

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The members' addresses."""
        return self._client.addresses

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    def _record(self, found: KeyValue) -> LeaseRecord:
        try:
            told = json.loads(found.value)
            return LeaseRecord(
                holder=str(told["holder"]),
                epoch=int(told["epoch"]),
                duration=float(told["duration"]),
                successor=str(told["successor"]),
                version=str(found.modified),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StoreError(
                f"{self._key}: holds no lease ({error!r}); remove it: etcdctl del {self._key}"
            ) from None


def _encode(record: LeaseRecord) -> bytes:
    """The one value of a record."""
    fields = {
        "holder": record.holder,
        "epoch": record.epoch,
        "duration": float(record.duration),
        "successor": record.successor,
    }
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
