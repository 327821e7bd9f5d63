"""Keeps this node's own RouteAgent object in the datastore."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from submariner_core.api.codec import encode
from submariner_core.api.errors import StoreError
from submariner_core.api.model import RouteAgentObject
from submariner_core.api.transport import Transport

PERIOD = 60.0
"""Seconds between writes when nothing changes: round-trip times, and a store that was wiped."""
SETTLE = 0.3
"""Seconds to wait after a change, so that a burst of changes is one write."""
PUT_TIMEOUT = 5.0
BACKOFF = (1.0, 30.0)
"""First and longest wait in seconds after the store refused."""

log = structlog.get_logger("submariner.routeagent")


class Publisher:
    """Writes the object that ``make`` gives (``None``: not yet), unfenced: it is nobody else's."""

    def __init__(self, transport: Transport, make: Callable[[], RouteAgentObject | None]) -> None:
        self._transport = transport
        self._make = make
        self._told: RouteAgentObject | None = None
        self._news = asyncio.Event()

    def look(self) -> None:
        """Something may have changed: write soon if it has."""
        made = self._make()
        if made is not None and (self._told is None or _lasting(made) != _lasting(self._told)):
            self._news.set()

    def again(self) -> None:
        """Write soon though nothing changed: the store may have lost the object."""
        self._told = None
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled; a store that is away is asked again with back-off."""
        wait = BACKOFF[0]
        while True:
            if await self.publish():
                wait = BACKOFF[0]
                await self._news_or(PERIOD)
                await asyncio.sleep(SETTLE)
            else:
                await asyncio.sleep(wait)
                wait = min(wait * 2, BACKOFF[1])

    async def publish(self) -> bool:
        """Write now. False if the store did not take it."""
        self._news.clear()
        made = self._make()
        if made is None:
            return True
        try:
            async with asyncio.timeout(PUT_TIMEOUT):
                await self._transport.put(encode(made), None)
        except (StoreError, OSError, TimeoutError) as error:
            log.debug("route-agent-not-published", reason=str(error) or "no answer")
            return False
        self._told = made
        return True

    async def _news_or(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass


def _lasting(made: RouteAgentObject) -> RouteAgentObject:
    """Without what changes all the time: the round-trip times."""
    remotes = tuple(replace(one, latency=None) for one in made.status.remote_endpoints)
    return replace(made, status=replace(made.status, remote_endpoints=remotes))
