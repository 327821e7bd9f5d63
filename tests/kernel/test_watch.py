from __future__ import annotations

import asyncio
from contextlib import aclosing
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from submariner_core.kernel import (
    Address,
    Neighbour,
    Nexthop,
    Route,
    RouteType,
    Rule,
    Vxlan,
    VxlanSettings,
)
from submariner_core.kernel.watch import EVERYTHING, NO_DEVICE

pytestmark = pytest.mark.netns

VIA = IPv4Address("10.0.0.2")


async def until(events, name: str) -> list[str]:
    """The names told up to and including ``name``."""
    told = []
    async with asyncio.timeout(5):
        async for told_name in events:
            told.append(told_name)
            if told_name == name:
                return told
    raise AssertionError(f"{name!r} was never told, only {told}")


CHANGES = {
    "address": lambda kernel: kernel.addresses.ensure(
        Address("lan0", IPv4Interface("240.0.0.1/8"))
    ),
    "route": lambda kernel: kernel.routes.ensure(
        Route(IPv4Network("10.2.0.0/16"), 100, device="lan0", via=VIA)
    ),
    "nexthop": lambda kernel: kernel.nexthops.ensure(Nexthop(7, "lan0", VIA)),
    "rule": lambda kernel: kernel.rules.ensure(Rule(100, 100, incoming="lan0")),
    "link": lambda kernel: kernel.links.set("lan0", up=False),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_is_told_by_its_devices_name(kernel, lan, change):
    async with aclosing(kernel.watch()) as events:
        assert await anext(events) == EVERYTHING
        assert await change(kernel)

        assert await until(events, lan) == [lan]


async def test_a_device_that_comes_and_goes_is_told(kernel):
    overlay = Vxlan("vx-test", VxlanSettings(100, 4800), 1400, "02:f0:0a:00:00:01")
    async with aclosing(kernel.watch()) as events:
        assert await anext(events) == EVERYTHING
        await kernel.links.ensure_vxlan(overlay)
        await until(events, "vx-test")
        await kernel.links.delete("vx-test")
        await until(events, "vx-test")


async def test_a_change_without_a_device_is_told_too(kernel):
    async with aclosing(kernel.watch()) as events:
        assert await anext(events) == EVERYTHING
        unreachable = Route(IPv4Network("10.2.0.0/16"), 100, type=RouteType.UNREACHABLE)
        await kernel.routes.ensure(unreachable)

        assert await until(events, NO_DEVICE) == [NO_DEVICE]


async def test_ensuring_what_is_so_tells_nothing(kernel, lan):
    for change in list(CHANGES.values())[:4]:
        await change(kernel)
    async with aclosing(kernel.watch(neighbours=True)) as events:
        assert await anext(events) == EVERYTHING
        for change in list(CHANGES.values())[:4]:
            assert not await change(kernel)
        await kernel.rules.ensure(Rule(101, 100, incoming="the-end"))

        assert await until(events, "the-end") == ["the-end"]


async def test_neighbours_are_told_on_demand(kernel, lan):
    async with aclosing(kernel.watch(neighbours=True)) as events:
        assert await anext(events) == EVERYTHING
        await kernel.neighbours.ensure(Neighbour(lan, VIA, "02:00:00:00:00:02"))

        assert await until(events, lan) == [lan]


async def test_many_changes_that_came_together_are_told_once(kernel, lan):
    routes = [Route(IPv4Network(f"10.9.{n}.0/24"), 100, device=lan, via=VIA) for n in range(100)]
    async with aclosing(kernel.watch()) as events:
        assert await anext(events) == EVERYTHING
        await kernel.routes.reconcile(100, routes)
        await kernel.rules.ensure(Rule(101, 100, incoming="the-end"))

        assert await until(events, "the-end") == [lan, "the-end"]


async def test_lost_notifications_are_told_as_everything_and_it_goes_on(kernel, lan, monkeypatch):
    monkeypatch.setattr("submariner_core.kernel.watch._RECEIVE_BUFFER", 1)
    routes = [Route(IPv4Network(f"10.9.{n}.0/24"), 100, device=lan, via=VIA) for n in range(200)]
    async with aclosing(kernel.watch()) as events:
        assert await anext(events) == EVERYTHING
        await kernel.routes.reconcile(100, routes)
        await until(events, EVERYTHING)

        await kernel.links.set(lan, up=False)
        await until(events, lan)
