"""Scenarios in which a store cannot be reached."""

from __future__ import annotations

import asyncio

from submariner_lab.failover.scenario import Scenario
from submariner_lab.failover.stage import Stage
from submariner_lab.store import Store

AWAY, QUICK_AWAY = 60.0, 10.0


async def _broker_away(stage: Stage) -> None:
    await _away(stage, stage.lab.broker, "the broker")


async def _datastore_away(stage: Stage) -> None:
    await _away(stage, stage.here.store, f"the datastore of {stage.here.name}")


async def _away(stage: Stage, store: Store, name: str) -> None:
    stage.mark(f"{name} cannot be reached")
    cut = stage.lab.faults.isolate(store.site)
    await asyncio.sleep(QUICK_AWAY if stage.quick else AWAY)
    stage.mark(f"{name} is back")
    cut.heal()
    await stage.until_settled()


SCENARIOS = (
    Scenario("broker-away", "the broker cannot be reached for a while", _broker_away),
    Scenario(
        "datastore-away", "a cluster's own store cannot be reached for a while", _datastore_away
    ),
)
