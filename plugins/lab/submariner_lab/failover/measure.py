"""One run: traffic, a fault in it, and the figures."""

from __future__ import annotations

import asyncio

from submariner_core.api.naming import cable_name
from submariner_lab.errors import LabError, LabTimeout
from submariner_lab.failover.connection import judge
from submariner_lab.failover.figures import Direction, Event, Figures
from submariner_lab.failover.lease import CALM, QUICK_CALM, until_calm
from submariner_lab.failover.noticed import first_lead, notices
from submariner_lab.failover.scenario import Scenario
from submariner_lab.failover.stage import Stage
from submariner_lab.flow import Flow
from submariner_lab.lab import Lab
from submariner_lab.tcp import Stream

BASELINE = 500
"""Datagrams each way before the fault."""
LED = 15.0
"""Seconds that a cluster without a leader has to get one before the fault."""
RECOVERY = 20.0
"""Seconds that traffic has to flow again after a scenario is through."""
TAIL, QUICK_TAIL = 3.0, 1.0
"""Seconds of watching once all flows again: late changes show, and reports get published."""


async def measure(
    lab: Lab, scenario: Scenario, *, quick: bool = False, duration: float = 0.0
) -> Figures:
    """Put a whole lab through a scenario. Raises :class:`LabError` where that cannot be done."""
    here, there = (cluster.nodes[-1] for cluster in lab.clusters[:2])
    watched = lab.folder / "watcher.out"
    lease = await until_calm(lab.clusters[0], QUICK_CALM if quick else CALM)
    offset, crashed = watched.stat().st_size, set(lab.crashes())
    async with (
        lab.flow(here, there) as flow,
        lab.stream(here, there) as pod,
        lab.stream(there, lab.clusters[0]) as service,
    ):
        await flow.established()
        await flow.flowing(BASELINE)
        for stream in (pod, service):
            if not await stream.flowing():
                raise LabError(f"no echo before the fault: {await stream.stop()}")
        # what came before may have cost somebody the lease only now
        await lab.until(lambda: all(c.active for c in lab.clusters), LED, "every cluster is led")
        stage = Stage(lab, flow, quick=quick, duration=duration)
        await scenario.act(stage)
        recovered = await _recovered(flow, pod, service)
        await asyncio.sleep(QUICK_TAIL if quick else TAIL)
    fault = stage.fault.at
    forth, back = flow.courses
    published = notices(watched, offset, (fault + stage.wall_offset) / 1e9)
    found = tuple(notice.naming(_cables(lab)) for notice in published)
    return Figures(
        fault=fault,
        active=stage.active.site.name,
        lease=lease,
        forward=Direction.after(flow.report.forth, forth, fault),
        backward=Direction.after(flow.report.back, back, fault),
        pod=judge(pod.report),
        service=judge(service.report),
        lead=first_lead(found, (node.site.name for node in stage.here.nodes)),
        noticed=found,
        events=tuple(Event((mark.at - fault) / 1e9, mark.what) for mark in stage.marks),
        facts=stage.facts,
        recovered=recovered,
        crashes=tuple(sorted(set(lab.crashes()) - crashed)),
    )


def _cables(lab: Lab) -> dict[str, str]:
    """The node behind each cable's name."""
    sites = [node.site for node in lab.nodes]
    return {cable_name(site.cluster_id, site.address): site.name for site in sites}


async def _recovered(flow: Flow, *streams: Stream) -> bool:
    """Wait until all flows again; whether the datagrams do."""
    try:
        await flow.flowing(BASELINE, RECOVERY)
    except LabTimeout:
        return False
    await asyncio.gather(*(stream.flowing(timeout=RECOVERY) for stream in streams))
    return True
