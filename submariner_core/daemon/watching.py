"""Watches the stores and the kernel for ever: one that goes away is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from submariner_core.api.errors import StoreError
from submariner_core.api.transport import Event as RecordEvent
from submariner_core.api.transport import Kind, Transport
from submariner_core.daemon.complaint import Complaint
from submariner_core.kernel import Kernel, KernelError

BACKOFF = (0.1, 5.0)
"""First and longest wait in seconds before a lost store is asked again."""
KERNEL_RETRY = 1.0
"""Seconds before the kernel is asked again."""

log = structlog.get_logger("submariner.store")


async def watch_store(
    name: str,
    transport: Transport,
    kinds: Collection[Kind],
    *,
    changed: Callable[[RecordEvent], None],
    lost: Callable[[str], None],
) -> None:
    """Watch until cancelled; ``lost`` gets the reason once for each time the store goes away."""
    gone = Complaint(log, "store-away", "store-back", store=name)
    wait = BACKOFF[0]
    away = False
    while True:
        bug: Exception | None = None
        try:
            async for event in transport.watch(kinds):
                gone.settled()
                away = False
                wait = BACKOFF[0]
                changed(event)
            reason = "the watch ended"
        except StoreError as error:
            reason = str(error)
        except (OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
        except Exception as error:  # noqa: BLE001 - no plugin stops the daemon
            reason, bug = f"{type(error).__name__}: {error}", error
        gone.about(reason, bug)
        if not away:
            lost(reason)
            away = True
        await asyncio.sleep(wait)
        wait = min(wait * 2, BACKOFF[1])


async def watch_kernel(kernel: Kernel, changed: Callable[[], None]) -> None:
    """Watch until cancelled; a gap may have hidden anything, so it counts as a change."""
    while True:
        try:
            async for _device in kernel.watch():
                changed()
        except (KernelError, OSError) as error:
            log.warning("kernel-watch-failed", reason=str(error), retry_in=KERNEL_RETRY)
        changed()
        await asyncio.sleep(KERNEL_RETRY)
