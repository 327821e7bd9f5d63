"""The lease store: upstream's Lease object, with what upstream has no place for in annotations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

from submariner_core.api.lease import LeaseRecord, LeaseStore
from submariner_core.api.naming import IPAddress
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.failure import Conflict, Missing
from submariner_kubernetes.lease_object import NAME, to_lease, to_lease_record
from submariner_kubernetes.listing import Gone, Listed, follow
from submariner_kubernetes.pod import GatewayPod
from submariner_kubernetes.resource import LEASES, Object


class KubernetesLeaseStore(LeaseStore):
    """One Lease. A swap is one replacement that the API server refuses if the Lease changed.

    While it is watched, the ``pod`` is labelled by whether the holder is the one swapped in here.
    """

    def __init__(self, client: KubeClient, pod: GatewayPod | None = None) -> None:
        self._client = client
        self._pod = pod
        self._identity = ""
        self._seen: dict[str, Object] = {}

    async def read(self) -> LeaseRecord | None:
        """See :meth:`LeaseStore.read`."""
        try:
            return self._record(await self._client.get(LEASES, NAME))
        except Missing:
            return None

    async def swap(self, expected: LeaseRecord | None, new: LeaseRecord) -> LeaseRecord | None:
        """See :meth:`LeaseStore.swap`. After StoreUnavailable it may have happened or not."""
        self._identity = new.holder or self._identity
        now = datetime.now(UTC)  # for people's eyes, and for upstream's to see a change
        try:
            if expected is None:
                return self._record(await self._client.create(LEASES, to_lease(new, None, now)))
            stored = self._seen.get(expected.version)
            if stored is None:  # seen long ago, or by another process
                found = await self.read()
                if found is None or found.version != expected.version:
                    return None
                stored = self._seen[found.version]
            return self._record(
                await self._client.replace(LEASES, NAME, to_lease(new, stored, now))
            )
        except (Conflict, Missing):
            return None

    async def watch(self) -> AsyncGenerator[LeaseRecord | None, None]:
        """See :meth:`LeaseStore.watch`."""
        query = {"fieldSelector": f"metadata.name={NAME}"}
        labelling = None if self._pod is None else asyncio.create_task(self._pod.run())
        try:
            async with aclosing(follow(self._client, LEASES, **query)) as news:
                async for event in news:
                    if isinstance(event, Listed):
                        yield self._record(event.objects[0]) if event.objects else None
                    elif isinstance(event, Gone):
                        yield None
                    else:
                        yield self._record(event.object)
        finally:
            if labelling is not None:
                labelling.cancel()
                await asyncio.gather(labelling, return_exceptions=True)

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The API server's addresses."""
        return self._client.addresses

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    def _record(self, found: Object) -> LeaseRecord:
        """The record, whose whole object is remembered: a swap replaces all of it."""
        record = to_lease_record(found)
        if self._pod is not None:
            self._pod.tell(active=record.holder != "" and record.holder == self._identity)
        self._seen[record.version] = found
        while len(self._seen) > 4:
            del self._seen[next(iter(self._seen))]
        return record
