"""Scenarios in which whole nodes lose their power."""

from __future__ import annotations

import asyncio

from submariner_lab.failover.scenario import Scenario
from submariner_lab.failover.stage import Stage

STANDBY_GONE = 4.0
"""Seconds of watching after a standby died."""
BOTH_GONE = 3.0
"""Seconds without any gateway."""
RETURN = 30.0
"""Seconds that a gateway has to boot and to lead."""


async def _power_off(stage: Stage) -> None:
    stage.mark(f"power off {stage.active.site.name}, the active gateway")
    stage.active.power_off()
    await stage.until_led()


async def _standby_dies(stage: Stage) -> None:
    stage.mark(f"power off {stage.standby.site.name}, the standby")
    stage.standby.power_off()
    await asyncio.sleep(STANDBY_GONE)


async def _both_die(stage: Stage) -> None:
    names = f"{stage.active.site.name} and {stage.standby.site.name}"
    stage.mark(f"power off {names}, all gateways of {stage.here.name}")
    stage.active.power_off()
    stage.standby.power_off()
    await asyncio.sleep(BOTH_GONE)
    stage.mark(f"power on {stage.standby.site.name}")
    stage.standby.power_on()
    await stage.until_led(RETURN)


SCENARIOS = (
    Scenario("power-off", "the active gateway's node loses its power", _power_off),
    Scenario("standby-dies", "the standby's node loses its power", _standby_dies),
    Scenario(
        "both-die",
        f"both gateway nodes lose their power; {BOTH_GONE:.0f} s later one is back",
        _both_die,
    ),
)
