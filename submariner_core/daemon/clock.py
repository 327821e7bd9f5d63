"""The one clock that decisions use: seconds since boot, suspended time included."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


def boot_clock() -> float:
    """Seconds since boot (``CLOCK_BOOTTIME``)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
