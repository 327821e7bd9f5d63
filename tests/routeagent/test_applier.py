"""Plans are carried out one at a time, the latest wins, and no failure is for ever."""

from __future__ import annotations

import asyncio

from submariner_core.testing import MemoryRouteDriver

GW1, GW2 = "10.50.0.2", "10.50.0.3"


async def test_the_node_is_opened_before_anything_is_planned(node, eventually):
    await eventually(lambda: node.driver.node is not None)
    assert node.driver.plans == []


async def test_a_broken_driver_is_reported_and_tried_again(node, make_endpoint, eventually):
    node.driver.broken = "no such device"
    await node.put(make_endpoint("east", GW1))
    await eventually(lambda: node.decider.applied.failure.endswith("no such device"))
    node.driver.broken = ""
    await eventually(lambda: node.carries == GW1)
    await eventually(lambda: node.decider.applied.failure == "")


async def test_a_new_plan_does_not_wait_for_the_back_off(node, make_endpoint, eventually):
    await node.put(make_endpoint("east", GW1))
    await eventually(lambda: node.carries == GW1)
    node.driver.broken = "busy"
    await node.put(make_endpoint("east", GW2, epoch=2))
    await eventually(lambda: node.events[-1].failure)
    node.applier._wait = 3600.0
    node.driver.broken = ""
    await node.put(make_endpoint("east", GW1, epoch=3))
    await eventually(lambda: node.carries == GW1 and not node.events[-1].failure)


async def test_a_driver_that_raises_anything_at_all_stops_nobody(
    node, make_endpoint, eventually, monkeypatch
):
    async def raises(self, plan):
        raise RuntimeError("a bug of a third party")

    with monkeypatch.context() as broken:
        broken.setattr(MemoryRouteDriver, "apply", raises)
        await node.put(make_endpoint("east", GW1))
        await eventually(lambda: "a bug of a third party" in node.decider.applied.failure)
    await eventually(lambda: node.carries == GW1)


async def test_what_others_removed_is_put_back_soon_after_the_kernel_tells(
    node, make_endpoint, eventually
):
    await node.put(make_endpoint("east", GW1))
    await eventually(lambda: node.carries == GW1)
    node.driver.damaged = True
    node.applier.disturbed()
    await eventually(lambda: node.applier.repairs == 1, seconds=2.0)
    assert not node.driver.damaged


async def test_disturbances_that_were_nothing_are_looked_at_ever_less_often(
    node, make_endpoint, eventually, monkeypatch
):
    looks = 0

    async def repair(self):
        nonlocal looks
        looks += 1
        return False

    monkeypatch.setattr(MemoryRouteDriver, "repair", repair)
    await node.put(make_endpoint("east", GW1))
    await eventually(lambda: node.carries == GW1)
    async with asyncio.timeout(3):
        while looks < 2:
            node.applier.disturbed()
            await asyncio.sleep(0.01)
    assert node.applier._quiet == 0.8


async def test_plans_that_come_while_one_is_carried_out_become_one(
    node, make_endpoint, eventually, monkeypatch
):
    entered, leave = asyncio.Event(), asyncio.Event()
    apply = MemoryRouteDriver.apply

    async def slow(self, plan):
        entered.set()
        await leave.wait()
        await apply(self, plan)

    monkeypatch.setattr(MemoryRouteDriver, "apply", slow)
    await node.put(make_endpoint("east", GW1))
    await entered.wait()
    await node.put(make_endpoint("east", GW2, epoch=2), make_endpoint("east", GW1, epoch=3))
    await eventually(lambda: node.decider.decision.chosen["east"].epoch == 3)
    leave.set()
    await eventually(lambda: node.driver.plans)
    assert node.carries == GW1
    assert all(str(plan.carries.address) != GW2 for plan in node.driver.plans)
