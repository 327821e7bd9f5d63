"""Reading a store once, for commands: one Snapshot, folded as the gateway folds it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from submariner_core.api.errors import StoreUnavailable
from submariner_core.api.transport import Kind, Snapshot, Transport
from submariner_core.reconcile.stores import StoreView, fold

READ_TIMEOUT = 10.0


async def read_store(
    transport: Transport, kinds: Collection[Kind] = tuple(Kind), wait: float = READ_TIMEOUT
) -> StoreView:
    """What a store holds now. Raises :class:`StoreUnavailable` after ``wait`` seconds."""
    try:
        async with asyncio.timeout(wait):
            async for event in transport.watch(kinds):
                if isinstance(event, Snapshot):
                    return fold(StoreView(), event, 0.0)
    except TimeoutError:
        raise StoreUnavailable(f"the store did not answer within {wait:.0f} s") from None
    raise StoreUnavailable("the store ended the watch without a word")
