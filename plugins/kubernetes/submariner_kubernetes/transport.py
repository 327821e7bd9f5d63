"""The transport: records as ``submariner.io/v1`` objects of one namespace."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing, suppress

from submariner_core.api.errors import KindForbidden, StoreError, StoreUnavailable
from submariner_core.api.fencing import guard_of
from submariner_core.api.naming import IPAddress
from submariner_core.api.transport import (
    Deleted,
    Event,
    Fence,
    Kind,
    NodeMarks,
    Put,
    Record,
    Ref,
    Snapshot,
    Transport,
)
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.failure import Conflict, Forbidden, Missing
from submariner_kubernetes.listing import Changed, Gone, Listed, News, follow
from submariner_kubernetes.merging import merged
from submariner_kubernetes.objects import (
    compare,
    entrances,
    says_the_same,
    to_object,
    to_record,
)
from submariner_kubernetes.resource import NODES, SERVICES, Object, of_kind

RACES = 20
"""How often a write is tried against others that change the same object; one of them won each."""
FIRST_REST, LONGEST_REST = 0.25, 5.0
"""Seconds: bounds of the random wait before a watch that failed is begun again, doubled each time.

The core waits too; but all gateways of a broker would come back in one and the same moment.
"""


class KubernetesTransport(Transport):
    """A datastore or broker in an API server.

    Kubernetes writes one object at a time. A fence is checked on the stored object in the same
    step as the write, and on the Cluster object right before and right after it.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._written: dict[Ref, Object] = {}
        self._rest = 0.0

    async def put(self, record: Record, fence: Fence | None) -> None:
        """See :meth:`Transport.put`."""
        to_object(record, None)  # what cannot be written is refused before anything is asked
        guard = _guard(record.ref, fence)
        await self._check(guard, fence)
        for _ in range(RACES):
            stored = await self._stored(record)
            wanted = to_object(record, stored)
            if stored is not None:
                compare(stored, record.ref, fence)
            if stored is not None and says_the_same(wanted, stored):
                return None
            with suppress(Conflict, Missing):
                self._written[record.ref] = await self._write(record.ref, wanted, stored)
                return await self._check(guard, fence)
            self._written.pop(record.ref, None)
        raise StoreUnavailable(f"{record.ref}: others change it all the time; not written")

    async def delete(self, ref: Ref, fence: Fence | None) -> None:
        """See :meth:`Transport.delete`."""
        resource = of_kind(ref.kind)
        guard = _guard(ref, fence)
        await self._check(guard, fence)
        self._written.pop(ref, None)
        for _ in range(RACES):
            try:
                stored = None if fence is None else await self._client.get(resource, ref.name)
                if stored is not None:
                    compare(stored, ref, fence)
                await self._client.delete(resource, ref.name, stored)
            except Missing:
                return None
            except Conflict:
                continue
            return await self._check(guard, fence)
        raise StoreUnavailable(f"{ref}: others change it all the time; not deleted")

    async def watch(self, kinds: Collection[Kind]) -> AsyncGenerator[Event, None]:
        """See :meth:`Transport.watch`."""
        await asyncio.sleep(random.uniform(0, self._rest))  # noqa: S311 - no secret
        state: dict[Kind, dict[str, Record]] = {}
        sources = {kind: self._follow(kind) for kind in sorted(set(kinds))}
        try:
            async with aclosing(merged(sources)) as news:
                async for kind, event in news:
                    for told in _fold(state, kind, event, len(sources)):
                        self._rest = 0.0
                        yield told
        except KindForbidden:
            raise  # the core may ask without this kind, at once
        except StoreError:
            self._rest = min(max(FIRST_REST, 2 * self._rest), LONGEST_REST)
            raise

    async def watch_cordoned(self, node: str) -> AsyncGenerator[bool, None]:
        """See :meth:`Transport.watch_cordoned`: ``spec.unschedulable`` of the Node."""
        query = {"fieldSelector": f"metadata.name={node}"}
        told: bool | None = None
        async with aclosing(follow(self._client, NODES, **query)) as news:
            async for event in news:
                objects = event.objects if isinstance(event, Listed) else (event.object,)
                there = () if isinstance(event, Gone) else objects
                cordoned = any((found.get("spec") or {}).get("unschedulable") for found in there)
                if cordoned is not told:
                    told = cordoned
                    yield cordoned

    async def read_node(self, node: str) -> NodeMarks | None:
        """See :meth:`Transport.read_node`."""
        try:
            metadata = (await self._client.get(NODES, node))["metadata"]
        except Missing:
            return None
        return NodeMarks(metadata.get("labels") or {}, metadata.get("annotations") or {})

    async def read_load_balancer(self, service: str) -> tuple[str, ...] | None:
        """See :meth:`Transport.read_load_balancer`: ``status.loadBalancer`` of the Service."""
        try:
            return entrances(await self._client.get(SERVICES, service))
        except Missing:
            return None

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The API server's addresses."""
        return self._client.addresses

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _follow(self, kind: Kind) -> AsyncGenerator[News, None]:
        try:
            async with aclosing(follow(self._client, of_kind(kind))) as news:
                async for event in news:
                    yield event
        except Forbidden as error:
            raise KindForbidden(kind, str(error)) from None

    async def _stored(self, record: Record) -> Object | None:
        """What is stored, or what we stored last: if that is not so any more, writing conflicts.

        Only what differs may be taken from memory: "nothing to write" must be the server's word.
        """
        remembered = self._written.get(record.ref)
        if remembered is not None and not says_the_same(to_object(record, None), remembered):
            return remembered
        try:
            return await self._client.get(of_kind(record.ref.kind), record.ref.name)
        except Missing:
            return None

    async def _write(self, ref: Ref, wanted: Object, stored: Object | None) -> Object:
        resource = of_kind(ref.kind)
        if stored is None:
            return await self._client.create(resource, wanted)
        return await self._client.replace(resource, ref.name, wanted)

    async def _check(self, guard: Ref | None, fence: Fence | None) -> None:
        """Raise :class:`StaleEpoch` if the Cluster object is above the fence."""
        if guard is None:
            return
        with suppress(Missing):
            compare(await self._client.get(of_kind(guard.kind), guard.name), guard, fence)


def _guard(ref: Ref, fence: Fence | None) -> Ref | None:
    """The Cluster object to check beside the one that is written; ``None`` if it is that one."""
    guard = None if fence is None else guard_of(fence)
    return None if guard == ref else guard


def _fold(
    state: dict[Kind, dict[str, Record]], kind: Kind, event: Listed | Changed | Gone, kinds: int
) -> tuple[Event, ...]:
    """Take in news of one kind; what the watcher is told. Nothing until all kinds are listed."""
    if isinstance(event, Listed):
        records = (to_record(kind, found) for found in event.objects)
        state[kind] = {record.ref.name: record for record in records}
    elif isinstance(event, Changed):
        record = to_record(kind, event.object)
        state[kind][record.ref.name] = record
        return (Put(record),) if len(state) == kinds else ()
    else:
        record = to_record(kind, event.object)
        state[kind].pop(record.ref.name, None)
        return (Deleted(record.ref),) if len(state) == kinds else ()
    if len(state) < kinds:
        return ()
    return (Snapshot(tuple(r for records in state.values() for r in records.values())),)
