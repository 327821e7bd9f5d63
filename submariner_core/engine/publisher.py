"""Keeps this gateway's own Gateway object up to date: every few seconds, and soon on a change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from submariner_core.api.codec import encode
from submariner_core.api.errors import StoreError
from submariner_core.api.model import GatewayObject
from submariner_core.api.transport import Transport

PERIOD = 5.0
"""Seconds between writes when nothing changes: also the sign of life others go by."""
SETTLE = 0.1
"""Seconds to wait after a change, so that a burst of changes is one write."""
PUT_TIMEOUT = 4.0

log = structlog.get_logger("submariner.engine")


class Publisher:
    """Writes the Gateway object that ``make`` gives (``None``: not yet), unfenced."""

    def __init__(self, transport: Transport, make: Callable[[], GatewayObject | None]) -> None:
        self._transport = transport
        self._make = make
        self._told: GatewayObject | None = None
        self._news = asyncio.Event()
        self.writes = 0

    def look(self) -> None:
        """Something may have changed: write soon if it has."""
        made = self._make()
        if made is not None and (self._told is None or _content(made) != _content(self._told)):
            self._news.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            try:
                async with asyncio.timeout(PERIOD):
                    await self._news.wait()
                    await asyncio.sleep(SETTLE)
            except TimeoutError:
                pass
            self._news.clear()
            await self.publish()

    async def publish(self) -> None:
        """Write now. A store that is away is tried again at the next turn."""
        made = self._make()
        if made is None:
            return
        try:
            async with asyncio.timeout(PUT_TIMEOUT):
                await self._transport.put(encode(made), None)
        except (StoreError, OSError, TimeoutError) as error:
            log.debug("gateway-not-published", reason=str(error) or "no answer")
        except Exception:
            log.exception("transport-bug", store="datastore")
        else:
            self._told = made
            self.writes += 1


def _content(made: GatewayObject) -> GatewayObject:
    """Without what changes all the time: time-stamp, round-trip times, numbers in messages."""
    connections = tuple(
        replace(one, latency=None, status_message="") for one in made.status.connections
    )
    return GatewayObject(
        replace(made.meta, annotations={}), replace(made.status, connections=connections)
    )
