"""From the datastore to the node: followed at once, and left alone while the store is away."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address

from submariner_core.api.transport import Kind
from submariner_core.testing import MemoryHost, MemoryRouteDriver
from tests.routeagent.conftest import Node, working

GW1, GW2, FAR = "10.50.0.2", "10.50.0.3", "172.20.0.9"


async def test_a_node_follows_the_leader(node, make_endpoint, eventually):
    await node.put(make_endpoint("east", GW1, GW2))
    await eventually(lambda: node.carries == GW1)
    await node.put(make_endpoint("east", GW2, GW1, epoch=2))
    await eventually(lambda: node.carries == GW2)


async def test_a_new_process_goes_on_sending_to_whom_the_node_sends(make_endpoint, eventually):
    gateway = make_endpoint("east", GW1, GW2)
    host = MemoryHost()
    async with working(Node(driver=MemoryRouteDriver(host))) as before:
        await before.put(gateway)
        await eventually(lambda: before.carries == GW1)
    host.node_plan = dataclasses.replace(host.node_plan, carries=host.node_plan.gateways[1])
    host.actions.clear()
    async with working(Node(before.transport, MemoryRouteDriver(host))) as after:
        await eventually(lambda: after.driver.plans)
        assert after.carries == GW2
    assert host.actions == ["route: open"]


async def test_remote_prefixes_arrive_and_leave(node, make_endpoint, eventually):
    await node.put(make_endpoint("east", GW1), make_endpoint("west", FAR, subnet="10.2.0.0/16"))
    await eventually(lambda: node.driver.plans and len(node.driver.plans[-1].remote_prefixes) == 1)
    assert str(node.driver.plans[-1].remote_prefixes[0]) == "10.2.0.0/16"


async def test_a_store_that_is_away_changes_nothing(node, make_endpoint, eventually):
    await node.put(make_endpoint("east", GW1))
    await eventually(lambda: node.carries == GW1)
    actions = list(node.driver.host.actions)
    node.transport.cut()
    await eventually(lambda: not node.decider.view.store.connected)
    assert node.carries == GW1
    node.transport.mend()
    await eventually(lambda: node.decider.view.store.connected)
    assert node.driver.host.actions == actions


async def test_a_wiped_store_changes_nothing(node, make_endpoint, eventually):
    await node.put(make_endpoint("east", GW1))
    await eventually(lambda: node.carries == GW1)
    actions = list(node.driver.host.actions)
    node.transport.store.wipe()
    await eventually(lambda: not node.decider.view.store.endpoints())
    assert node.carries == GW1
    assert node.driver.host.actions == actions


async def test_a_malformed_record_stops_nothing(node, make_endpoint, eventually):
    broken = dataclasses.replace(make_endpoint("west", FAR), body={"spec": {"cluster_id": []}})
    await node.put(broken, make_endpoint("east", GW1))
    await eventually(lambda: node.carries == GW1)
    assert broken.ref in node.decider.view.store.malformed
    assert broken.ref.kind is Kind.ENDPOINT


async def test_a_stale_leader_does_not_get_the_traffic_back(node, make_endpoint, eventually):
    await node.put(make_endpoint("east", GW2, GW1, epoch=2))
    await eventually(lambda: node.carries == GW2)
    await node.put(make_endpoint("east", GW1, GW2, epoch=1))
    await eventually(lambda: len(node.decider.view.store.endpoints()) == 2)
    assert node.carries == GW2


async def test_a_prefix_that_holds_the_datastores_address_is_not_steered(
    node, make_endpoint, eventually
):
    node.reserved = (IPv4Address("10.2.0.9"),)
    await node.put(
        make_endpoint("east", GW1),
        make_endpoint("west", FAR, subnet="10.2.0.0/16"),
        make_endpoint("north", "172.20.0.8", subnet="10.3.0.0/16"),
    )
    await eventually(lambda: node.driver.plans and node.driver.plans[-1].remote_prefixes)
    assert [str(one) for one in node.driver.plans[-1].remote_prefixes] == ["10.3.0.0/16"]
    assert [refusal.cluster_id for refusal in node.decider.decision.refused] == ["west"]
