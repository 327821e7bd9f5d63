"""Senders on a bad underlay: they leave what is dead one way, and stay with what is only bad."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from submariner_lab import Lab
from submariner_lab.scrape import void_rounds

from tests.integration.moves import moves

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
ONE_WAY = 4.0
"""Seconds that a sender may take whose packets do not arrive though its peer's do; it takes 2."""
DEAD = 8.0
"""Seconds that senders far away may take to leave a dead gateway; they take 2."""
ROUNDS = 60 * 0.1
"""Seconds of sixty probes of what carries."""
TRIES = 4
SLOW = 0.15
"""Seconds each way."""


@pytest_asyncio.fixture(loop_scope="session")
async def calm(lab: Lab) -> Lab:
    """The lab with every sender following the leader, and none remembering that it did not."""
    if moves(lab):
        lab.start_anew()
        await lab.restore()
    await lab.until(lab.following, 30, "every node sends through its leader")
    return lab


@contextlib.asynccontextmanager
async def unmoved(lab: Lab) -> AsyncIterator[None]:
    """Nothing moves and nobody else leads for sixty rounds."""
    since, epochs = time.time(), [cluster.epoch for cluster in lab.clusters]
    yield
    await asyncio.sleep(ROUNDS)
    assert moves(lab, since) == []
    assert [cluster.epoch for cluster in lab.clusters] == epochs


async def test_a_process_without_cpu_judges_nobody(calm: Lab) -> None:
    here, there = calm.clusters
    gateway, agent = there.leader, here.nodes[-1]
    before = await void_rounds(gateway.site.netns)
    async with (
        calm.flow(here.nodes[-1], there.nodes[-1]) as flow,
        gateway.gateway.starved(0.4, 0.1),
        agent.route_agent.starved(0.4, 0.1),
        unmoved(calm),
    ):
        await flow.established()
    assert await void_rounds(gateway.site.netns) > before
    assert flow.report.lost == 0


# The worse one first: it is to come as a surprise, not as what is usual there.
@pytest.mark.parametrize(
    ("percent", "one_way"), [(30, True), (10, False)], ids=["30 % one way", "10 % each way"]
)
async def test_a_lossy_gateway_is_not_left(calm: Lab, percent: int, one_way: bool) -> None:
    here, there = calm.clusters
    leader = here.leader
    async with calm.flow(here.nodes[-1], there.nodes[-1]) as flow:
        await flow.established()
        async with unmoved(calm):
            others = (node.site for node in calm.nodes if node is not leader)
            calm.faults.lose((leader.site,), others, percent, one_way=one_way)
    assert flow.report.forth.lost > 0


async def test_senders_whose_packets_do_not_arrive_take_another_path(
    calm: Lab,
) -> None:
    here, there = calm.clusters
    leader, source = here.leader.site, here.nodes[-1]
    async with calm.flow(source, there.nodes[-1]) as flow:
        await flow.established()
        calm.faults.partition((leader,), (there.leader.site,), one_way=True)
        await flow.flowing(500, 30)
        calm.faults.partition((source.site,), (leader,), one_way=True)
        await flow.flowing(500, 30)
    outages = [outage.duration for outage in flow.report.forth.outages]
    assert len(outages) >= 2, "neither the gateway nor the node was hit"
    assert max(outages) < ONE_WAY
    assert flow.report.back.lost == 0, "the way back was never cut"


async def test_senders_that_start_anew_stay_with_the_path_they_took(calm: Lab) -> None:
    here, there = calm.clusters
    for _ in range(TRIES):
        leader, source, remote = here.leader.site, here.nodes[-1], there.leader
        epoch = there.epoch
        async with calm.flow(source, there.nodes[-1]) as flow:
            await flow.established()
            calm.faults.partition((leader,), (remote.site,))
            calm.faults.partition((source.site,), (leader,))
            await flow.flowing(500, 30)
            await source.route_agent.restart(kill=True)
            await remote.gateway.restart(kill=True)
            for node in (source, remote):
                await calm.until(node.ready, 30, f"{node} is ready again")
            await calm.until(lambda: there.epoch > epoch, 15, "somebody leads again")  # noqa: B023
            same = there.leader is remote
            if same:
                await flow.flowing(500)
        if same:
            ways = (flow.report.forth, flow.report.back)
            assert [len(way.outages) for way in ways] == [1, 1]
            return
        await calm.restore()  # its process took longer to start than its lease lasts
        await calm.until(calm.following, 60, "every node sends through its leader")
    pytest.fail(f"in {TRIES} tries no gateway was back within its lease")


async def test_slow_clusters_stay_connected_and_a_dead_gateway_is_still_found(
    calm: Lab,
) -> None:
    here, there = calm.clusters
    async with unmoved(calm):
        calm.faults.delay(here.site.nodes, there.site.nodes, SLOW)
    assert calm.connected()
    async with calm.flow(here.nodes[-1], there.nodes[-1]) as flow:
        await flow.established()
        here.leader.power_off()
        await flow.flowing(500, 20)
    assert flow.report.outage < DEAD
