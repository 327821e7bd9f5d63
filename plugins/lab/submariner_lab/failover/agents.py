"""The scenario of route agents."""

from __future__ import annotations

from submariner_lab.failover.scenario import Scenario
from submariner_lab.failover.stage import Stage

LEAVE = 30.0


async def _agent_restart(stage: Stage) -> None:
    for node in stage.here.nodes:
        stage.mark(f"restart the route agent of {node.site.name}")
        await node.route_agent.restart(timeout=LEAVE)
        await stage.until_ready(node)


SCENARIOS = (
    Scenario(
        "agent-restart", "every route agent of a cluster is restarted in turn", _agent_restart
    ),
)
