"""Carries out the leader's writes to one store, in order; a newer plan replaces an older one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from submariner_core.api.errors import StaleEpoch, StoreError
from submariner_core.api.transport import Fence, Transport
from submariner_core.reconcile.sync import PutRecord, Write

WRITE_TIMEOUT = 5.0
BACKOFF = (0.1, 5.0)
"""First and longest wait in seconds after a failed write."""

log = structlog.get_logger("submariner.store")


class Writer:
    """Writes to one store while this gateway may.

    ``may_write`` is asked before every write, since the right ends by the clock; ``stale`` is
    told the epoch of a store that refused.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        cluster_id: str,
        may_write: Callable[[], bool],
        stale: Callable[[int], None],
    ) -> None:
        self._name = name
        self._transport = transport
        self._cluster_id = cluster_id
        self._may_write = may_write
        self._stale = stale
        self._todo: tuple[Write, ...] = ()
        self._epoch = 0
        self._news = asyncio.Event()
        self.refused = 0
        """Writes that the store refused because another gateway leads."""

    def offer(self, writes: tuple[Write, ...], epoch: int) -> None:
        """Replace what is to be written; ``epoch`` is the fence."""
        if (writes, epoch) != (self._todo, self._epoch):
            self._todo, self._epoch = writes, epoch
            if writes:
                self._news.set()

    async def run(self) -> None:
        """Write until cancelled."""
        wait = BACKOFF[0]
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write(self._todo, Fence(self._cluster_id, self._epoch))
            except StaleEpoch as error:
                self.refused += 1
                log.warning("write-refused", store=self._name, reason=str(error))
                self._stale(error.stored)
            except (StoreError, OSError, TimeoutError) as error:
                reason = str(error) or f"no answer within {WRITE_TIMEOUT:.0f} s"
                log.warning("write-failed", store=self._name, reason=reason, retry_in=wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, BACKOFF[1])
                self._news.set()
            else:
                wait = BACKOFF[0]

    async def _write(self, writes: tuple[Write, ...], fence: Fence) -> None:
        for write in writes:
            if self._todo is not writes or not self._may_write():
                return
            async with asyncio.timeout(WRITE_TIMEOUT):
                if isinstance(write, PutRecord):
                    await self._transport.put(write.record, fence)
                    log.info(
                        "put", store=self._name, record=str(write.record.ref), epoch=fence.epoch
                    )
                else:
                    await self._transport.delete(write.ref, fence)
                    log.info("deleted", store=self._name, record=str(write.ref), epoch=fence.epoch)
