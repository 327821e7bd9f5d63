"""Several endless streams as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")

BACKLOG = 1000
"""Events that wait for a slow reader; beyond, the streams wait too."""


async def merged(
    sources: Mapping[K, AsyncGenerator[T, None]],
) -> AsyncGenerator[tuple[K, T], None]:
    """What each source yields, with its key, in order of arrival.

    The first source that raises ends all of them, and its error is raised.
    """
    arrived: asyncio.Queue[tuple[K, T] | Exception] = asyncio.Queue(BACKLOG)

    async def read(key: K, source: AsyncGenerator[T, None]) -> None:
        try:
            async with aclosing(source) as events:
                async for event in events:
                    await arrived.put((key, event))
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            await arrived.put(error)

    readers = [asyncio.create_task(read(key, source)) for key, source in sources.items()]
    try:
        while True:
            next_one = await arrived.get()
            if isinstance(next_one, Exception):
                raise next_one
            yield next_one
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
