"""Transport and LeaseStore behind a store server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Collection

from submariner_core.api.lease import LeaseRecord, LeaseStore
from submariner_core.api.naming import IPAddress
from submariner_core.api.transport import Event, Fence, Kind, Record, Ref, Transport
from submariner_local.http import wire
from submariner_local.http.client import StoreClient


class HttpTransport(Transport):
    """A datastore or broker behind a store server."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client

    async def put(self, record: Record, fence: Fence | None) -> None:
        """See :meth:`Transport.put`."""
        body = {"record": wire.record_json(record), "fence": wire.fence_json(fence)}
        await self._client.request("PUT", wire.RECORD_PATH, wire.parse_done, body=body)

    async def delete(self, ref: Ref, fence: Fence | None) -> None:
        """See :meth:`Transport.delete`."""
        body = {"ref": wire.ref_json(ref), "fence": wire.fence_json(fence)}
        await self._client.request("DELETE", wire.RECORD_PATH, wire.parse_done, body=body)

    async def watch(self, kinds: Collection[Kind]) -> AsyncGenerator[Event, None]:
        """See :meth:`Transport.watch`; a server that is silent for 3 s counts as gone."""
        params = [("kind", kind.value) for kind in sorted(kinds)]
        stream = self._client.stream(wire.RECORDS_PATH, wire.parse_event, params)
        async with contextlib.aclosing(stream) as events:
            async for event in events:
                yield event

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The server's address."""
        return self._client.addresses

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()


class HttpLeaseStore(LeaseStore):
    """One lease behind a store server, called after its cluster."""

    def __init__(self, client: StoreClient, name: str) -> None:
        self._client = client
        self._name = name

    async def read(self) -> LeaseRecord | None:
        """See :meth:`LeaseStore.read`."""
        return await self._client.request(
            "GET", wire.LEASE_PATH, wire.parse_answer, params={"name": self._name}
        )

    async def swap(self, expected: LeaseRecord | None, new: LeaseRecord) -> LeaseRecord | None:
        """See :meth:`LeaseStore.swap`. After StoreUnavailable it may have happened or not."""
        body = {
            "name": self._name,
            "expected": None if expected is None else expected.version,
            "new": wire.lease_json(new),
        }
        return await self._client.request("POST", wire.LEASE_PATH, wire.parse_answer, body=body)

    async def watch(self) -> AsyncGenerator[LeaseRecord | None, None]:
        """See :meth:`LeaseStore.watch`; a server that is silent for 3 s counts as gone."""
        params = [("name", self._name)]
        stream = self._client.stream(wire.LEASES_PATH, wire.parse_answer, params)
        async with contextlib.aclosing(stream) as leases:
            async for lease in leases:
                yield lease

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The server's address."""
        return self._client.addresses

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()
