"""Carries out the leader's writes to one store, in order; a newer plan replaces an older one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from submariner_core.api.errors import StaleEpoch, StoreError, StoreUnavailable
from submariner_core.api.naming import CLUSTER_ID_LABEL
from submariner_core.api.transport import Fence, Transport
from submariner_core.daemon.clock import Clock, boot_clock
from submariner_core.daemon.complaint import Complaint
from submariner_core.reconcile.sync import PutRecord, Write

WRITE_TIMEOUT = 5.0
BACKOFF = (0.1, 5.0)
"""First and longest wait in seconds after a failed write; a newer plan does not wait."""
ECHO = 2.0
"""Seconds in which a plan just carried out is not done again: its echo is on the way."""
PAUSED = 0.2
"""Seconds between looks whether this gateway may write again."""

log = structlog.get_logger("submariner.store")


class Writer:
    """Writes to one store while this gateway may.

    ``may_write`` is asked before every write, since the right ends by the clock; ``stale`` is
    told the epoch of a store that refused. A record that the store refuses for itself is tried
    again and holds up no other, save that nothing follows an own one.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        cluster_id: str,
        may_write: Callable[[], bool],
        stale: Callable[[int], None],
        clock: Clock = boot_clock,
    ) -> None:
        self._name = name
        self._transport = transport
        self._cluster_id = cluster_id
        self._may_write = may_write
        self._stale = stale
        self._clock = clock
        self._todo: tuple[Write, ...] = ()
        self._epoch = 0
        self._done_at: float | None = None
        self._news = asyncio.Event()
        self._failing = Complaint(log, "write-failed", "store-answers", store=name)
        self.refused = 0
        """Writes that the store refused because another gateway leads."""

    def offer(self, writes: tuple[Write, ...], epoch: int) -> None:
        """Replace what is to be written; ``epoch`` is the fence."""
        if (writes, epoch) == (self._todo, self._epoch) and not self._forgotten():
            return
        self._todo, self._epoch, self._done_at = writes, epoch, None
        if writes:
            self._news.set()

    async def run(self) -> None:
        """Write until cancelled."""
        wait = BACKOFF[0]
        pause: float | None = None
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            writes, failed, pause = self._todo, True, None
            try:
                if not await self._write(writes, Fence(self._cluster_id, self._epoch)):
                    pause = PAUSED
                failed = False
            except StaleEpoch as error:
                self.refused += 1
                log.warning("write-refused", store=self._name, reason=str(error))
                self._stale(error.stored)
                failed = False
            except (StoreError, OSError, TimeoutError) as error:
                self._failing.about(str(error) or f"no answer within {WRITE_TIMEOUT:.0f} s")
            except Exception as error:  # noqa: BLE001 - no plugin ends the writing
                self._failing.about(f"{type(error).__name__}: {error}", error)
            if failed:
                pause, wait = wait, min(wait * 2, BACKOFF[1])
            elif pause is None:
                wait = BACKOFF[0]
                self._failing.settled()
                if self._todo is writes:
                    self._done_at = self._clock()

    def _forgotten(self) -> bool:
        """Whether the store seems to have lost what was written: the same is wanted still."""
        return self._done_at is not None and self._clock() - self._done_at > ECHO

    async def _write(self, writes: tuple[Write, ...], fence: Fence) -> bool:
        """Whether all was written; not, if this gateway may not write now."""
        refused: StoreError | None = None
        for write in writes:
            if self._todo is not writes:
                return True
            if not self._may_write():
                return False
            try:
                await self._carry_out(write, fence)
            except (StoreUnavailable, StaleEpoch):
                raise
            except StoreError as error:
                if self._is_own(write):
                    raise
                refused = error
        if refused is not None:
            raise refused
        return True

    async def _carry_out(self, write: Write, fence: Fence) -> None:
        async with asyncio.timeout(WRITE_TIMEOUT):
            if isinstance(write, PutRecord):
                await self._transport.put(write.record, fence)
                log.info("put", store=self._name, record=str(write.record.ref), epoch=fence.epoch)
            else:
                await self._transport.delete(write.ref, fence)
                log.info("deleted", store=self._name, record=str(write.ref), epoch=fence.epoch)

    def _is_own(self, write: Write) -> bool:
        if not isinstance(write, PutRecord):
            return False
        origin = write.record.labels.get(CLUSTER_ID_LABEL, self._cluster_id)
        return origin == self._cluster_id
