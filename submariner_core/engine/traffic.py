"""Counts what this gateway forwards through its cables, to tell when nobody sends here any more.

The counters stand in a table of their own that exists only while somebody waits. Probes do not
count: they end at this host and are not forwarded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import structlog

from submariner_core.daemon.clock import Clock
from submariner_core.kernel import KernelError, expressions, nft

FAMILY, TABLE, COUNTER = "inet", "submariner-drain", "forwarded"
LOOK = 0.1
"""Seconds between two looks at the counter."""

log = structlog.get_logger("submariner.engine")


async def wait_until_quiet(
    devices: Collection[str], clock: Clock, *, flat: float = 1.0, limit: float = 20.0
) -> bool:
    """Wait until nothing was forwarded for ``flat`` seconds; ``False`` after ``limit`` seconds.

    A kernel that cannot count is no reason to wait: ``True`` with a warning.
    """
    if not devices:
        return True
    start = clock()
    try:
        await nft.replace_table(FAMILY, TABLE, _table(devices))
        last, since = -1, start
        while (now := clock()) - start < limit:
            count, _ = (await nft.counters(FAMILY, TABLE)).get(COUNTER, (0, 0))
            if count != last:
                last, since = count, now
            elif now - since >= flat:
                return True
            await asyncio.sleep(LOOK)
    except KernelError as error:
        log.warning("not-counted", reason=str(error))
        return True
    finally:
        try:
            await nft.delete_table(FAMILY, TABLE)
        except KernelError as error:
            log.warning("counter-left", reason=str(error))
    return False


def _table(devices: Collection[str]) -> list[expressions.Object]:
    rules = [
        expressions.rule("forward", way(device), expressions.count(COUNTER))
        for device in sorted(devices)
        for way in (expressions.incoming, expressions.outgoing)
    ]
    return [
        expressions.named_counter(COUNTER),
        expressions.base_chain("forward", "filter", "forward", -300),
        *rules,
    ]
