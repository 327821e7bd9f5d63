"""Two gateways of one cluster accept the same prefixes; a route chooses between them."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import pytest

pytestmark = [pytest.mark.netns]

PODS = "10.2.0.0/16"
RUNS = 4
"""ESP in the test kernel loses bursts by itself: one run without such a loss decides."""


async def _cluster(underlay):
    """East, and two gateways of west in slots 0 and 1, both with the pod behind them."""
    east = underlay.gateway("east", "172.31.0.1", "10.1.0.0/16")
    first = underlay.gateway("west", "172.31.0.2", PODS)
    second = underlay.gateway("west", "172.31.0.3", PODS, slot=1)
    for one in (east, first, second):
        await one.open()
    paths = []
    for one in (first, second):
        await one.connect(east.endpoint, slot=0)
        paths.append(await east.connect(one.endpoint, slot=one.slot, route=False))
    return east, (first, second), paths


@pytest.mark.timeout(150)
async def test_both_cables_stand_at_once_and_a_move_between_them_loses_nothing(inkernel):
    east, gateways, paths = await _cluster(inkernel)
    assert [path.device for path in paths] == ["ipsec4500", "ipsec4501"]
    remote = gateways[0].endpoint
    async with east.kept(), gateways[0].kept(), gateways[1].kept():
        for one in gateways:
            await east.connected(one.endpoint)
            await one.connected(east.endpoint)
        pod = ip_network(PODS)[1]
        losses = []
        for _ in range(RUNS):
            east.route(remote, paths[0])
            stream = east.stream(pod)
            await asyncio.sleep(0.5)
            for path in (paths[1], paths[0], paths[1]):
                east.route(remote, path)
                await asyncio.sleep(0.3)
            losses.append(await east.lost(stream))
            if losses[-1][0] == 0:
                break
        assert losses[-1][0] == 0, losses
        before = [(await east.state(one.endpoint)).tx_bytes for one in gateways]
        assert all(octets > 10 * 84 for octets in before)
        await east.disconnect(gateways[0].endpoint)
        east.route(remote, paths[1])
        east.ping(pod, 2)
        assert [line.split(": ")[1].split("@")[0] for line in east.indices()] == ["ipsec4501"]


async def test_a_gateway_that_changes_its_slot_moves_to_another_interface(inkernel):
    east, gateways, _ = await _cluster(inkernel)
    async with east.kept(), gateways[0].kept():
        await east.connected(gateways[0].endpoint)
        path = await east.connect(gateways[0].endpoint, slot=2, route=False)
        assert path.device == "ipsec4502"
        east.route(gateways[0].endpoint, path)
        await east.connected(gateways[0].endpoint)
        await gateways[0].connected(east.endpoint)
        east.ping(gateways[0].pods[0], 2)
        assert "ipsec4500" not in str(east.indices())
