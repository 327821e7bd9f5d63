"""A gateway dies in the midst of a hand-over, after single things it did for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from submariner_lab import Lab, LabSpec
from submariner_lab.failover.lease import read_lease
from submariner_lab.matrix import questions, try_all

from submariner_core.api.naming import cable_name, endpoint_name
from tests.integration.crash import ROUNDS, Doom, doomed_lab
from tests.integration.gateway_command import gateway

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
SETTLE, TAKE_OVER = 40.0, 20.0
SUCCESSOR = (
    "take the lease",
    "put Cluster east at datastore",
    "put Cluster east at broker",
    "put Endpoint {endpoint} at datastore",
    "put Endpoint {endpoint} at broker",
)
LEADER = ("name a successor",)
POINTS = [*(("successor", one) for one in SUCCESSOR), *(("leader", one) for one in LEADER)]
FEW = [("successor", "take the lease")]
"""The worst of them: the lease has a new holder, and nothing in the stores says so."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doomed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Lab, Doom]]:
    """Two clusters of two gateways each, whose daemons die when told."""
    async with doomed_lab(tmp_path_factory.mktemp("doom"), LabSpec(nodes=2, gateways=2)) as found:
        yield found


@pytest.mark.parametrize(("role", "thing"), POINTS if ROUNDS > 4 else FEW)
async def test_a_gateway_that_dies_in_a_hand_over_costs_no_packet(
    doomed: tuple[Lab, Doom], role: str, thing: str
) -> None:
    lab, doom = doomed
    east, west = lab.clusters
    leader, epoch = east.leader, east.epoch
    (standby,) = (node for node in east.candidates if node is not leader)
    dies = leader if role == "leader" else standby
    own = endpoint_name("east", cable_name("east", dies.site.address))
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        # it reads its order at its start: the leader comes back as the leader, under its lock
        doom.order(dies.gateway, thing.format(endpoint=own))
        await dies.gateway.restart(kill=True)
        if role == "leader":
            await lab.until(lambda: east.epoch > epoch, TAKE_OVER, "it leads again")
        await lab.until(lab.settled, SETTLE, "settled before the hand-over")
        if east.leader is not leader:  # its process took longer to start than its lease lasts
            await gateway(east.leader, "hand-over", "--to", leader.site.name)
            await lab.until(lambda: east.active is leader, TAKE_OVER, "it leads again")
            await lab.until(lab.settled, SETTLE, "settled before the hand-over")
        epoch = east.epoch
        handing = asyncio.create_task(gateway(leader, "hand-over", "--to", standby.site.name))
        await lab.until(lambda: not dies.gateway.running, TAKE_OVER, f"dead after {thing}")
        assert dies.gateway.exit_status == -9
        lease = await read_lease(east)
        assert lease is not None
        doom.pardon()
        await lab.until(lambda: east.epoch > epoch, TAKE_OVER, "somebody leads")
        await handing
        dies.gateway.start()
        await lab.until(lab.settled, SETTLE, f"settled after {thing}")
        await flow.flowing(500)

    def agreed() -> bool:
        """Both stores have the one leader's Endpoint, at its epoch, and no other of east."""
        wanted = [(east.leader.site.name, east.epoch)]
        return all(
            [
                (one.spec.hostname, one.epoch)
                for one in lab.view.endpoints(place)
                if one.spec.cluster_id == "east"
            ]
            == wanted
            for place in (east.store.site.name, lab.broker.site.name)
        )

    await lab.until(agreed, TAKE_OVER, "the stores agree on who leads")
    assert flow.report.lost == 0
    answers = await try_all(questions(lab))
    assert [answer.failure for answer in answers if answer.failure] == []
