"""The broker or the own store goes away: nothing stops."""

from __future__ import annotations

import asyncio

import pytest
from submariner_lab import Lab
from submariner_lab.matrix import questions, try_all

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def test_a_gateway_that_starts_without_a_broker_runs_from_its_datastore(lab: Lab) -> None:
    east, west = lab.clusters
    lab.faults.isolate(lab.blueprint.broker)
    node = east.active
    assert node is not None
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        await node.gateway.restart(kill=True)
        await lab.until(lab.settled, 30, "connected without a broker")
        await flow.flowing(1000)
    assert flow.report.lost == 0
    answers = await try_all(questions(lab))
    assert [answer.failure for answer in answers if answer.failure] == []


async def test_traffic_goes_on_while_a_clusters_own_store_is_away(lab: Lab) -> None:
    east, west = lab.clusters
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        cut = lab.faults.isolate(east.site.store)
        await asyncio.sleep(6)
        cut.heal()
        await lab.until(lab.settled, 30, "settled after the store came back")
        await flow.flowing()
    assert flow.report.lost == 0


async def test_a_wiped_broker_is_filled_again(lab: Lab) -> None:
    east, west = lab.clusters
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        lab.broker.wipe()

        def filled() -> bool:
            found = {endpoint.spec.cluster_id for endpoint in lab.view.endpoints("broker")}
            return lab.view.away("broker") is None and found == {east.name, west.name}

        await asyncio.sleep(0.5)
        await lab.until(filled, 30, "every cluster's Endpoint is at the broker again")
        await flow.flowing(1000)
    assert flow.report.lost == 0
