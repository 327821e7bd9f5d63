"""Keeps one object of this process's own up to date in the datastore."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from submariner_core.api.codec import encode
from submariner_core.api.errors import StoreError
from submariner_core.api.model import GatewayObject, RouteAgentObject
from submariner_core.api.transport import Transport

SETTLE = 0.1
"""Seconds to wait after a change, so that a burst of changes is one write."""
PUT_TIMEOUT = 4.0
FIRST_RETRY = 1.0
"""Seconds until a write that failed is tried again, doubled up to the period."""

Own = TypeVar("Own", bound=GatewayObject | RouteAgentObject)
log = structlog.get_logger("submariner.daemon")


class Publisher(Generic[Own]):
    """Writes what ``make`` gives (``None``: not yet), unfenced: the object is nobody else's.

    It is written every ``period`` seconds, and soon after a change of its ``lasting`` part, which
    leaves out what changes all the time.
    """

    def __init__(
        self,
        transport: Transport,
        make: Callable[[], Own | None],
        lasting: Callable[[Own], object],
        period: float,
    ) -> None:
        self._transport = transport
        self._make = make
        self._lasting = lasting
        self._period = period
        self._told: object = None
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self.writes = 0

    def look(self) -> None:
        """Something may have changed: write soon if it has."""
        made = self._make()
        if made is not None and self._lasting(made) != self._told:
            self._news.set()

    def again(self) -> None:
        """Write soon though nothing changed: the store may have lost the object."""
        self._told = None
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled; a store that is away is asked again with back-off."""
        wait = FIRST_RETRY
        while True:
            if await self.publish():
                wait = FIRST_RETRY
                await self._news_or(self._period)
            else:
                await asyncio.sleep(wait)
                wait = min(wait * 2, self._period)

    async def publish(self) -> bool:
        """Write now. False if the store did not take it."""
        async with self._turn:  # what was made earlier is never stored later
            return await self._publish()

    async def _publish(self) -> bool:
        self._news.clear()
        made = self._make()
        if made is None:
            return True
        try:
            async with asyncio.timeout(PUT_TIMEOUT):
                await self._transport.put(encode(made), None)
        except (StoreError, OSError, TimeoutError) as error:
            log.debug("not-published", object=made.meta.name, reason=str(error) or "no answer")
            return False
        except Exception:
            log.exception("transport-bug", store="datastore")
            return False
        self._told = self._lasting(made)
        self.writes += 1
        return True

    async def _news_or(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(SETTLE)
