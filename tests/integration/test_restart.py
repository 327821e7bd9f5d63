"""What happens to 1,000 datagrams a second while our own processes come and go."""

from __future__ import annotations

import re

import pytest
from submariner_lab import Flow, Lab, Node, namespaces

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session")]
TAKE_OVER = 15.0
SETTLE = 40.0


def between(lab: Lab) -> Flow:
    """A flow between pods of nodes without a gateway."""
    east, west = lab.clusters
    return lab.flow(east.nodes[-1], west.nodes[-1])


async def test_a_gateway_that_is_restarted_loses_nothing(lab: Lab) -> None:
    node = lab.clusters[0].leader
    async with between(lab) as flow:
        await flow.established()
        await node.gateway.restart(timeout=40)
        await lab.until(lab.settled, SETTLE, "settled after the restart")
        await flow.flowing()
    assert flow.report.lost == 0


def kernel_state(node: Node) -> tuple[str, ...]:
    """What the gateway process keeps on a node; not which gateway these lead to.

    Left out is the route agent's: it follows whoever leads, which a slow restart may change.
    """
    ask = ("ip", "-n", node.site.netns)
    agents = re.compile(r"^(98|150):|^id \d+ .*dev vx-submariner")
    return tuple(
        re.sub(r" via \S+", "", line)
        for words in (("-o", "link"), ("nexthop",), ("rule",), ("route", "show", "table", "100"))
        for line in namespaces.run((*ask, *words)).splitlines()
        if not agents.match(line)
    )


async def test_a_killed_gateway_that_comes_back_adopts_what_it_finds(lab: Lab) -> None:
    east = lab.clusters[0]
    node, epoch, before = east.leader, east.epoch, kernel_state(east.leader)
    async with between(lab) as flow:
        await flow.established()
        await node.gateway.restart(kill=True)
        await lab.until(lambda: east.epoch > epoch, TAKE_OVER, "somebody leads again")
        await lab.until(lab.settled, SETTLE, "settled after the restart")
        await flow.flowing()
    assert east.epoch == epoch + 1
    assert kernel_state(node) == before
    assert flow.report.lost == 0


async def test_a_killed_gateway_is_followed_by_the_next_without_a_lost_packet(lab: Lab) -> None:
    east = lab.clusters[0]
    node, epoch = east.leader, east.epoch
    async with between(lab) as flow:
        await flow.established()
        node.gateway.kill()
        await lab.until(lambda: east.epoch > epoch, TAKE_OVER, "another took over")
        await flow.flowing(3000)
    assert east.leader is not node
    assert flow.report.lost == 0


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "SIGKILL"])
async def test_route_agents_that_are_restarted_lose_nothing(lab: Lab, kill: bool) -> None:
    east = lab.clusters[0]
    async with between(lab) as flow:
        await flow.established()
        for node in east.nodes:
            await node.route_agent.restart(kill=kill)
        await lab.until(lab.settled, SETTLE, "every route agent is ready again")
        await flow.flowing(500)
    assert flow.report.lost == 0
