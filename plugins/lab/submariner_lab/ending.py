"""Commands of minutes that can be ended at any moment, and clean up before they end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(Exception):
    """A signal ended the work, which has cleaned up."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"ended by {number.name}: the lab is removed")
        self.exit_status = 128 + number


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, which SIGINT, SIGTERM and SIGHUP cancel: then :class:`Ended`."""
    ended_by: list[signal.Signals] = []

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, end, number, task)
        return await work

    def end(number: signal.Signals, task: asyncio.Task[Any]) -> None:
        ended_by.append(number)
        task.cancel()

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise Ended(ended_by[0]) from None
