"""How large a packet may be that is routed into a cable."""

from __future__ import annotations

from submariner_core.reconcile import state as states
from submariner_core.reconcile.plan import Plan
from submariner_core.reconcile.routing import (
    CABLE_TABLE,
    PROBE_TABLE,
    Ensure,
    Nexthop,
    changes,
)
from tests.reconcile.plan_world import World, stored, west

WEST, STANDBY = west(9), west(10)


def two_cables() -> World:
    """West has two gateways; the way to its standby has less room."""
    world = World().put(stored(WEST, STANDBY))
    world.mtus = {WEST.cable_name: 1420, STANDBY.cable_name: 1240}
    return world


def mtus(planned: Plan, table: int) -> dict[str, int | None]:
    assert planned.routing is not None
    return {str(r.destination): r.mtu for r in planned.routing.routes if r.table == table}


def underlay(world: World, mtu: int) -> None:
    assert world.state.own is not None
    world.state = states.opened(world.state, world.state.own, {}, mtu)


def test_a_cluster_s_prefixes_have_the_least_mtu_of_its_cables() -> None:
    planned = two_cables().settle()
    assert mtus(planned, CABLE_TABLE) == {"10.2.0.0/16": 1240}
    assert mtus(planned, PROBE_TABLE) == {"10.2.9.1/32": 1420, "10.2.10.1/32": 1240}


def test_so_a_move_between_cables_of_different_room_is_one_nexthop_replaced() -> None:
    world = two_cables()
    before = world.settle().routing
    world.put(stored(STANDBY, WEST, epoch=2))
    after = world.settle().routing
    assert before is not None
    assert after is not None
    (change,) = changes(before, after)
    assert isinstance(change, Ensure)
    assert isinstance(change.thing, Nexthop)


def test_another_mtu_of_the_underlay_makes_every_cable_once_more_and_moves_no_traffic() -> None:
    world = two_cables()
    underlay(world, 1500)
    carriers = world.settle().carriers
    world.done.clear()
    underlay(world, 1500)
    assert world.settle().carriers == carriers
    assert world.done == []
    underlay(world, 1400)
    world.mtus = dict.fromkeys(world.mtus, 1320)
    assert world.plan().carriers == carriers
    planned = world.settle()
    assert world.done == [
        f"connect vxlan {WEST.cable_name}",
        f"connect vxlan {STANDBY.cable_name}",
    ]
    assert planned.carriers == carriers
    assert mtus(planned, CABLE_TABLE) == {"10.2.0.0/16": 1320}


def test_a_cable_that_cannot_be_made_once_more_serves_as_it_is_until_it_can() -> None:
    world = World().put(stored(WEST))
    carriers = world.settle().carriers
    underlay(world, 1400)
    (steps,) = world.plan().steps.values()
    world.act(steps[0], error="no way", now=0.0)
    planned = world.plan()
    assert planned.carriers == carriers
    assert planned.wake_at is not None
    assert [len(steps) for steps in world.plan(planned.wake_at).steps.values()] == [1]
