"""The active gateway is to leave, and what it needs for that is not there."""

from __future__ import annotations

import asyncio
import signal

import pytest
from submariner_lab import Flow, Lab
from submariner_lab.failover.lease import read_lease

from tests.integration.gateway_command import gateway

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
TAKE_OVER = 20.0


def between(lab: Lab) -> Flow:
    """A flow between pods of nodes without a gateway."""
    east, west = lab.clusters
    return lab.flow(east.nodes[-1], west.nodes[-1])


async def test_a_successor_that_dies_before_it_takes_the_lease_costs_nothing(lab: Lab) -> None:
    east = lab.clusters[0]
    leader, epoch = east.leader, east.epoch
    (standby,) = (node for node in east.candidates if node is not leader)
    async with between(lab) as flow:
        await flow.established()
        standby.gateway.freeze()  # named it is, but it does not come to take the lease
        leaving = asyncio.create_task(gateway(leader, "hand-over"))

        async def named() -> bool:
            lease = await read_lease(east)
            return lease is not None and lease.successor == standby.site.name

        await lab.until(named, 15, "a successor is named")
        standby.gateway.kill()
        code, said = await leaving
        assert code == 1
        assert "did not take the lease" in said
        lease = await read_lease(east)
        assert lease is not None
        assert (lease.holder.split("_")[0], lease.successor) == (leader.site.name, "")
        await flow.flowing(500)
    assert (east.leader, east.epoch) == (leader, epoch)
    assert flow.report.lost == 0


async def test_without_a_standby_the_lease_is_released_and_the_data_path_stays(lab: Lab) -> None:
    east = lab.clusters[0]
    leader, epoch = east.leader, east.epoch
    (standby,) = (node for node in east.candidates if node is not leader)
    standby.gateway.terminate()
    assert await standby.gateway.wait(30) == 0
    code, said = await gateway(leader, "hand-over")
    assert code == 1
    assert "ready: none" in said
    async with between(lab) as flow:
        await flow.established()
        leader.gateway.terminate()
        assert await leader.gateway.wait(30) == 0
        lease = await read_lease(east)
        assert lease is not None
        assert (lease.holder, lease.epoch) == ("", epoch)
        await flow.flowing(1000)
        leader.gateway.start()
        await lab.until(lambda: east.epoch > epoch, TAKE_OVER, "it leads again")
    assert east.leader is leader
    assert flow.report.lost == 0


async def test_a_gateway_leaves_while_its_datastore_is_away(lab: Lab) -> None:
    east = lab.clusters[0]
    leader, epoch = east.leader, east.epoch
    async with between(lab) as flow:
        await flow.established()
        cut = lab.faults.isolate(east.site.store)
        leader.gateway.terminate()
        assert await leader.gateway.wait(50) == 0
        await flow.flowing(500)
        cut.heal()
        await lab.until(lambda: east.epoch > epoch, TAKE_OVER, "the standby took over")
        await flow.flowing(500)
    assert east.leader is not leader
    assert flow.report.lost == 0


async def test_a_gateway_leaves_while_the_broker_is_away(lab: Lab) -> None:
    east, west = lab.clusters
    leader, epoch = east.leader, east.epoch
    async with between(lab) as flow:
        await flow.established()
        cut = lab.faults.isolate(lab.blueprint.broker)
        leader.gateway.terminate()
        await lab.until(lambda: east.epoch > epoch, TAKE_OVER, "the standby took over")
        # West has not heard of it and sends on to the one that leaves: it would wait for 20 s.
        leader.gateway.signal(signal.SIGTERM)
        assert await leader.gateway.wait(10) == 0
        await flow.flowing(500)
        cut.heal()

        def told() -> bool:
            found = [e for e in lab.view.endpoints(west.store.site.name) if e.epoch == east.epoch]
            return [e.spec.hostname for e in found] == [east.leader.site.name]

        await lab.until(told, TAKE_OVER, "west knows the new leader")
        await flow.flowing(500)
    assert east.leader is not leader
    assert flow.report.lost == 0
