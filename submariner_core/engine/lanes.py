"""One lane per remote cluster carries out cable steps, so that a slow remote delays nobody else.

A lane does one step at a time and reports it; the plan that follows the report offers the next.
There is no retry here: a failed step is planned again, with back-off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from submariner_core.api.cable import CableDriver, Path
from submariner_core.api.errors import CableError, SubmarinerError
from submariner_core.engine.events import Connected, ConnectFailed, Disconnected, Event
from submariner_core.reconcile.cables import Connect, Disconnect, Step

STEP_TIMEOUT = 15.0
"""Seconds after which a driver's call counts as failed."""

log = structlog.get_logger("submariner.engine")


class Lanes:
    """The lanes of one gateway; tasks live in the caller's group and end when idle."""

    def __init__(self, drivers: Mapping[str, CableDriver], post: Callable[[Event], None]) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._drivers = drivers
        self._post = post
        self._busy: dict[str, asyncio.Task[None]] = {}

    def start(self, group: asyncio.TaskGroup) -> None:
        """Carry out from now on what is offered, in tasks of ``group``."""
        self._group = group

    def offer(self, lane: str, steps: Sequence[Step]) -> None:
        """Take the first step unless the lane is at work; its report brings the next offer."""
        if self._group is not None and steps and lane not in self._busy:
            self._busy[lane] = self._group.create_task(
                self._run(lane, steps[0]), name=f"lane {lane}"
            )

    async def _run(self, lane: str, step: Step) -> None:
        try:
            event = await self._do(step)
        finally:
            self._busy.pop(lane, None)
        self._post(event)

    async def _do(self, step: Step) -> Event:
        driver = self._drivers[step.driver]
        try:
            async with asyncio.timeout(STEP_TIMEOUT):
                if isinstance(step, Connect):
                    path = _checked(step.driver, await driver.connect(step.cable))
                    return Connected(step.driver, step.cable, path)
                await driver.disconnect(step.name)
                return Disconnected(step.driver, step.name)
        except (SubmarinerError, OSError, TimeoutError) as error:
            reason = str(error) or f"no answer of {step.driver} within {STEP_TIMEOUT:.0f} s"
        except Exception as error:
            log.exception("driver-bug", driver=step.driver)
            reason = f"{type(error).__name__}: {error}"
        return _failure(step, reason)


def _checked(driver: str, path: object) -> Path:
    if not isinstance(path, Path):
        raise CableError(f"{driver}: connect must return a Path, not {path!r}")
    return path


def _failure(step: Step, reason: str) -> Event:
    if isinstance(step, Disconnect):
        return Disconnected(step.driver, step.name, reason)
    return ConnectFailed(step.driver, step.cable, reason)
