"""The scenario in which nothing happens: whatever moves then moves for nothing."""

from __future__ import annotations

import asyncio

from submariner_lab.failover.scenario import Scenario
from submariner_lab.failover.stage import Stage


async def _fault_free(stage: Stage) -> None:
    stage.mark(f"nothing is done for {stage.duration:g} s")
    await asyncio.sleep(stage.duration)


SCENARIOS = (
    Scenario("fault-free", "nothing at all, for as long as --duration says", _fault_free),
)
