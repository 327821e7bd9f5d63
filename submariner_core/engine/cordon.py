"""Follows whether the cluster wants this gateway's node emptied."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from submariner_core.api.errors import StoreError
from submariner_core.api.transport import Transport

BACKOFF = (0.1, 5.0)
"""First and longest wait in seconds before a lost datastore is asked again."""

log = structlog.get_logger("submariner.gateway")


async def watch_cordoned(datastore: Transport, node: str, told: Callable[[bool], None]) -> None:
    """Tell every answer until cancelled, or at once return if this datastore knows no nodes.

    While it is away its last word holds.
    """
    wait = BACKOFF[0]
    while True:
        known = False
        try:
            async for cordoned in datastore.watch_cordoned(node):
                known, wait = True, BACKOFF[0]
                log.info("cordoned" if cordoned else "not-cordoned", node=node)
                told(cordoned)
            if not known:
                return
        except (StoreError, OSError, TimeoutError) as error:
            log.warning("cordon-watch-lost", reason=str(error) or type(error).__name__)
        except Exception:
            log.exception("transport-bug", store="datastore")
        await asyncio.sleep(wait)
        wait = min(wait * 2, BACKOFF[1])
