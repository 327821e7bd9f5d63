"""The in-memory twin of a broker transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from submariner_core.api.transport import (
    Event,
    Fence,
    Kind,
    NodeMarks,
    Record,
    Ref,
    Transport,
)
from submariner_core.testing.connection import Connection
from submariner_core.testing.store import MemoryStore, Subscription


class MemoryTransport(Transport):
    """A transport to a :class:`MemoryStore`. Several may share one store."""

    def __init__(self, store: MemoryStore | None = None, name: str = "memory transport") -> None:
        self.store = store if store is not None else MemoryStore()
        self.connection = Connection(name)
        self._subscriptions: set[Subscription] = set()

    def cut(self) -> None:
        """Cut this client off: its calls and watches fail until :meth:`mend`."""
        self.connection.available = False
        for subscription in self._subscriptions:
            subscription.events.put_nowait(None)

    def mend(self) -> None:
        """Let this client through again."""
        self.connection.available = True

    async def put(self, record: Record, fence: Fence | None) -> None:
        """See the contract."""
        await self._reach()
        self.store.put(record, fence)
        self.connection.answer()

    async def delete(self, ref: Ref, fence: Fence | None) -> None:
        """See the contract."""
        await self._reach()
        self.store.delete(ref, fence)
        self.connection.answer()

    async def watch(self, kinds: Collection[Kind]) -> AsyncIterator[Event]:
        """See the contract."""
        await self._reach()
        with self.store.subscribe(kinds) as subscription:
            self._subscriptions.add(subscription)
            try:
                while (event := await subscription.events.get()) is not None:
                    yield event
            finally:
                self._subscriptions.discard(subscription)
        raise self.connection.unavailable("lost its watch")

    async def watch_cordoned(self, node: str) -> AsyncIterator[bool]:
        """See the contract; what it tells is the store's ``cordoned``."""
        async for _ in self.watch(()):
            yield node in self.store.cordoned

    async def read_node(self, node: str) -> NodeMarks | None:
        """See the contract; what it tells is the store's ``nodes``."""
        await self._reach()
        return self.store.nodes.get(node)

    async def read_load_balancer(self, service: str) -> tuple[str, ...] | None:
        """See the contract; what it tells is the store's ``load_balancers``."""
        await self._reach()
        return self.store.load_balancers.get(service)

    async def _reach(self) -> None:
        await self.connection.request()
        if not self.store.available:
            raise self.connection.unavailable("finds no store")
