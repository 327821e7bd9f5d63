"""Connections to a ClusterIP go on through another gateway when the lead is handed over."""

from __future__ import annotations

import asyncio

import pytest
from submariner_lab import Lab, Node
from submariner_lab.node import program

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def command(node: Node) -> None:
    """``submariner gateway hand-over`` on a node; refused if it has just left by itself."""
    words = (program(), "gateway", "hand-over", "--config", str(node.config))
    process = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", node.site.netns, *words, stdout=asyncio.subprocess.DEVNULL
    )
    await process.wait()


async def terminate(node: Node) -> None:
    """SIGTERM, as when a node is drained; until the process has ended."""
    node.gateway.terminate()
    assert await node.gateway.wait(timeout=50) == 0


@pytest.mark.parametrize("leave", [command, terminate], ids=["command", "SIGTERM"])
@pytest.mark.parametrize("number", [0, 1], ids=["east", "west"])
async def test_connections_to_a_clusterip_survive(lab: Lab, number: int, leave) -> None:
    here, there = lab.clusters[1 - number], lab.clusters[number]
    source, left, epoch = here.nodes[-1], there.leader, there.epoch
    async with lab.stream(source, there) as first, lab.stream(here.leader, there) as second:
        assert await first.flowing()
        assert await second.flowing()
        await leave(left)
        await lab.until(lambda: there.epoch > epoch, 30, "the lead was handed over")
        assert await first.flowing(200)
        assert await second.flowing(200)
    assert there.leader is not left
    for stream in (first, second):
        assert stream.report.error is None
        assert stream.report.stall < 1
        assert stream.report.server == f"pod of {there.nodes[-1].site.name}"
