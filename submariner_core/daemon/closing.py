"""The end of a daemon: everything is closed, whatever one of them does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

CLOSE_TIMEOUT = 5.0

log = structlog.get_logger("submariner.daemon")


async def close_all(closes: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Call them in order; one that fails or hangs is logged and holds up no other."""
    for close in closes:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await close()
        except Exception as error:  # noqa: BLE001 - whatever one raises, the others are closed
            log.warning("not-closed", reason=repr(error))
