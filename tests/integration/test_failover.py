"""The active gateway's node loses its power, or its way to the other cluster."""

from __future__ import annotations

import pytest
from submariner_lab import Lab
from submariner_lab.matrix import Relation, questions, try_all

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
LIMIT = 2.5
"""Seconds: what the lease alone takes is above it, what probes see is far below."""
HAND_OVER = 10.0
"""Seconds: a standby must have been the better leader for 3; some 5 where nothing else runs."""


async def test_another_gateway_takes_over_and_the_dead_one_comes_back_as_passive(
    lab: Lab,
) -> None:
    east, west = lab.clusters
    victim, epoch = east.active, east.epoch
    assert victim is not None
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        victim.power_off()
        await lab.until(lambda: east.epoch > epoch, 15, "another gateway took over")
        await flow.flowing(500, 20)
    assert east.active is not victim
    assert flow.report.outage < LIMIT
    answers = await try_all(questions(lab, without=(victim,)))
    assert [answer.failure for answer in answers if answer.failure] == []

    successor, raised = east.active, east.epoch
    victim.power_on()
    await lab.until(lab.settled, 60, "the dead gateway is back")
    assert (successor, raised) == (east.active, east.epoch)
    answers = await try_all(questions(lab))
    assert [answer.failure for answer in answers if answer.failure] == []


async def test_both_clusters_fail_over_at_once(lab: Lab) -> None:
    victims = [cluster.active for cluster in lab.clusters]
    epochs = [cluster.epoch for cluster in lab.clusters]
    east, west = lab.clusters
    async with lab.flow(east.nodes[-1], west.nodes[-1]) as flow:
        await flow.established()
        for victim in victims:
            assert victim is not None
            victim.power_off()

        def taken_over() -> bool:
            return all(c.epoch > e for c, e in zip(lab.clusters, epochs, strict=True))

        await lab.until(taken_over, 20, "both clusters have a new active gateway")
        await flow.flowing(500, 30)
    assert flow.report.outage < 2 * LIMIT


async def test_new_connections_are_made_while_the_active_gateway_is_cut_from_the_other_cluster(
    lab: Lab,
) -> None:
    """Pods, ClusterIPs and host-network processes, from either side, before it is mended."""
    east, west = lab.clusters
    victim = east.leader
    async with lab.flow(east.bystander, west.bystander) as flow:
        await flow.established()
        cut = lab.faults.partition((victim.site,), [node.site for node in west.candidates])
        # at once: they have the time that a path takes to be left, and the lead to move
        answers = await try_all(questions(lab), timeout=10.0)
        assert [answer.failure for answer in answers if answer.failure] == []
        await flow.flowing(500, 20)
        answers = await try_all(questions(lab), timeout=0.0)
        assert [answer.failure for answer in answers if answer.failure] == []
    relations = {answer.question.relation for answer in answers}
    assert relations == set(Relation)
    lab.faults.heal(cut)


async def test_an_uplink_that_is_lost_while_the_node_lives_ends_in_a_hand_over(lab: Lab) -> None:
    east, west = lab.clusters
    a, b, victim = east.bystander, west.bystander, east.leader
    async with lab.flow(a, b) as flow, lab.stream(a, b) as stream:
        await flow.established()
        lab.faults.lose_uplink(victim.site)
        await lab.until(lambda: east.active is not victim, 15, "the standby took over")
        await flow.flowing(500, 20)
    # The other side's probes see it at once; the own nodes still reach their gateway, which must
    # first be sure that a standby is better off.
    assert flow.report.back.outage < LIMIT
    assert flow.report.forth.outage < HAND_OVER
    assert stream.report.error is None
