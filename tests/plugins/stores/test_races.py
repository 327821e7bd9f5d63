"""Several leaders at one store: no epoch goes back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import aclosing

from submariner_core.api.errors import StaleEpoch
from submariner_core.api.info import Options
from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_core.api.transport import Fence, Kind, Put, Record, Snapshot, Transport

Open = Callable[[Options], Transport]
Build = Callable[..., Record]


async def stored(transport: Transport) -> tuple[Record, ...]:
    async with aclosing(transport.watch(tuple(Kind))) as events, asyncio.timeout(10):
        first = await anext(events)
    assert isinstance(first, Snapshot)
    return first.records


async def test_of_racing_leaders_the_highest_epoch_stays(
    place: Options, transport_to: Open, record: Build
) -> None:
    """Each leader writes as fast as it can; once a higher one wrote, no lower write is seen."""
    leaders = [transport_to(place) for _ in range(4)]

    async def lead(transport: Transport, first: int) -> None:
        for epoch in range(first, 61, len(leaders)):
            fence = Fence("east", epoch)
            with contextlib.suppress(StaleEpoch):
                await transport.put(record(Kind.CLUSTER, "east", epoch=epoch), fence)
                await transport.put(record(name="east-a", epoch=epoch, leader=first), fence)

    seen: list[int] = []
    watcher = transport_to(place)
    async with asyncio.timeout(20), aclosing(watcher.watch([Kind.CLUSTER])) as events:
        assert await anext(events) == Snapshot(())
        racing = [lead(transport, first) for first, transport in enumerate(leaders, start=1)]
        await asyncio.gather(*racing)
        while 60 not in seen:
            event = await anext(events)
            assert isinstance(event, Put)
            seen.append(int(event.record.annotations[EPOCH_ANNOTATION]))
    assert seen == sorted(set(seen))
    final = await stored(watcher)
    assert {found.annotations[EPOCH_ANNOTATION] for found in final} == {"60"}
