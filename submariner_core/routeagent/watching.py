"""Watches the datastore for ever: a store that goes away is asked again, with back-off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from submariner_core.api.errors import StoreError
from submariner_core.api.transport import Transport
from submariner_core.routeagent.events import StoreChanged, StoreLost, Watch

BACKOFF = (0.1, 5.0)
"""First and longest wait in seconds before a lost store is asked again."""

log = structlog.get_logger("submariner.routeagent")


async def watch_datastore(
    transport: Transport, watch: Watch, post: Callable[[StoreChanged | StoreLost], None]
) -> None:
    """Post what the store tells until cancelled; a loss is posted once each time."""
    wait, away = BACKOFF[0], False
    while True:
        try:
            async for event in transport.watch(watch.value):
                if away:
                    log.info("datastore-back", watch=watch.name)
                wait, away = BACKOFF[0], False
                post(StoreChanged(watch, event))
            reason = "the watch ended"
        except (StoreError, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
        if not away:
            log.warning("datastore-away", watch=watch.name, reason=reason)
            post(StoreLost(watch, reason))
        away = True
        await asyncio.sleep(wait)
        wait = min(wait * 2, BACKOFF[1])
