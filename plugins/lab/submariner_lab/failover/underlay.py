"""Scenarios of an underlay that does not let everything through."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from submariner_lab.blueprint import Member
from submariner_lab.failover.scenario import Scenario
from submariner_lab.failover.stage import Stage
from submariner_lab.matrix import questions, try_all
from submariner_lab.node import Node

CUT, QUICK_CUT = 10.0, 4.0
RETURN, QUICK_RETURN = 14.0, 2.0
"""Seconds of watching after a cut was mended; traffic goes back after 10."""
UPLINK = 10.0
"""Seconds that the lead may take to leave a gateway without an uplink."""
MOVED = 8.0
"""Seconds that senders may take to find a path around a cut."""


async def _partition_standby(stage: Stage) -> None:
    active, standby = stage.active.site, stage.standby.site
    stage.mark(f"cut {active.name} and {standby.name} from each other")
    cut = stage.lab.faults.partition((active,), (standby,))
    await asyncio.sleep(QUICK_CUT if stage.quick else CUT)
    stage.mark("mend the cut")
    cut.heal()
    await asyncio.sleep(QUICK_RETURN if stage.quick else RETURN)


async def _partition_remote(stage: Stage) -> None:
    await _cut(stage, stage.there.candidates)


async def _partition_actives(stage: Stage) -> None:
    await _cut(stage, (stage.remote,))


async def _cut(stage: Stage, remote: Iterable[Node]) -> None:
    loop = asyncio.get_running_loop()
    active, others = stage.active.site, [node.site for node in remote]
    stage.mark(f"cut {active.name} and {', '.join(o.name for o in others)} from each other")
    mended = loop.time() + (QUICK_CUT if stage.quick else CUT)
    cut = stage.lab.faults.partition((active,), others)
    if await stage.until_flowing(MOVED):
        stage.mark("traffic flows again: open connections between all nodes")
    else:
        stage.mark("traffic does not flow: open connections between all nodes")
    await _open_connections(stage)
    await asyncio.sleep(max(0.0, mended - loop.time()))
    stage.mark("mend the cut")
    cut.heal()
    await asyncio.sleep(QUICK_RETURN if stage.quick else RETURN)


async def _open_connections(stage: Stage) -> None:
    """One attempt for each relation of pods, hosts and ClusterIPs; how many worked is a fact."""
    answers = await try_all(questions(stage.lab), timeout=0.0)
    worked, tried = Counter[str](), Counter[str]()
    for answer in answers:
        tried[answer.question.relation.name] += 1
        worked[answer.question.relation.name] += not answer.failure
    stage.facts["connections opened meanwhile"] = {
        name.lower().replace("_", "-"): f"{worked[name]} of {count}"
        for name, count in tried.items()
    }
    failures = [answer.failure for answer in answers if answer.failure]
    if failures:
        stage.facts["connections that failed"] = failures


async def _uplink_lost(stage: Stage) -> None:
    active = stage.active.site
    own: set[str] = {stage.here.site.store.name, *(n.site.name for n in stage.here.nodes)}
    outside: list[Member] = [m for m in stage.lab.blueprint.members if m.name not in own]
    stage.mark(f"cut {active.name} from everything outside {stage.here.name}")
    stage.lab.faults.partition((active,), outside)
    await stage.until_led(UPLINK)


SCENARIOS = (
    Scenario(
        "partition-standby",
        "the two gateways of a cluster cannot reach each other",
        _partition_standby,
    ),
    Scenario(
        "partition-remote",
        "the active gateway cannot reach the other cluster's gateways, all else can",
        _partition_remote,
    ),
    Scenario(
        "partition-actives",
        "the active gateways of both clusters cannot reach each other, all else can",
        _partition_actives,
    ),
    Scenario(
        "uplink-lost",
        "the active gateway reaches nothing outside its cluster, broker included",
        _uplink_lost,
    ),
)
