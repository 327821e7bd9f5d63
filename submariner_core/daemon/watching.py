"""Watches the stores and the kernel for ever: one that goes away is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

import structlog

from submariner_core.api.errors import KindForbidden, StoreError
from submariner_core.api.transport import Event as RecordEvent
from submariner_core.api.transport import Kind, Transport
from submariner_core.daemon.complaint import Complaint
from submariner_core.daemon.forbidden import Forbidden
from submariner_core.kernel import Kernel, KernelError

BACKOFF = (0.1, 5.0)
"""First and longest wait in seconds before a lost store is asked again."""
ASK_AGAIN = 60.0
"""Seconds after which a kind that was forbidden is asked for again."""
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
    spare: Mapping[Kind, str] = MappingProxyType({}),
    without: Callable[[Collection[str]], None] = lambda _: None,
) -> None:
    """Watch until cancelled; ``lost`` gets the reason once for each time the store goes away.

    A kind of ``spare`` that the store does not let us read is left out, and asked for again every
    minute; its value says what goes wrong meanwhile. ``without`` gets a sentence for each.
    """
    gone = Complaint(log, "store-away", "store-back", store=name)
    forbidden = Forbidden(name, spare, without)
    wait = BACKOFF[0]
    away = False
    while True:
        bug: Exception | None = None
        limit = asyncio.timeout(ASK_AGAIN if forbidden.kinds else None)
        try:
            async with limit:
                async for event in transport.watch([k for k in kinds if k not in forbidden.kinds]):
                    gone.settled()
                    forbidden.settled()
                    away = False
                    wait = BACKOFF[0]
                    changed(event)
            reason = "the watch ended"
        except KindForbidden as error:
            if forbidden.takes(error):
                continue
            reason = str(error)
        except StoreError as error:
            reason = str(error)
        except (OSError, TimeoutError) as error:
            if limit.expired():
                forbidden.kinds.clear()
                continue
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
