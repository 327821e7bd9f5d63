"""The in-memory drivers keep their state on a host and die where they are told."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv4Network

import pluggy
import pytest

from submariner_core.api import hooks
from submariner_core.api.cable import Cable, LocalGateway
from submariner_core.api.errors import CableError, RouteError
from submariner_core.api.model import ConnectionStatus, Endpoint
from submariner_core.api.route import NodePlan, OverlayPeer
from submariner_core.testing import (
    Crash,
    MemoryCableDriver,
    MemoryHost,
    MemoryRouteDriver,
    RecordingExtension,
)


def endpoint(cluster: str, octet: int) -> Endpoint:
    return Endpoint(
        cluster_id=cluster,
        cable_name=f"submariner-cable-{cluster}-10-0-0-{octet}",
        hostname=f"node-{octet}",
        subnets=(IPv4Network("10.2.0.0/16"),),
        private_ip=IPv4Address(f"10.0.0.{octet}"),
        public_ip=None,
        nat_enabled=False,
        backend="memory",
    )


def cable(octet: int = 2) -> Cable:
    remote = endpoint("west", octet)
    return Cable(remote.cable_name, remote, slot=0, address=remote.private_ip, port=4500)


LOCAL = LocalGateway(endpoint("east", 1))


async def test_a_repeated_connect_is_no_action() -> None:
    driver = MemoryCableDriver()
    await driver.open(LOCAL)
    first = await driver.connect(cable())
    assert await driver.connect(cable()) == first
    assert driver.host.actions == ["memory: open", f"memory: connect {cable().name}"]
    assert driver.cables == {cable().name: cable()}


async def test_a_restart_finds_the_cables_of_the_process_before() -> None:
    host = MemoryHost()
    before = MemoryCableDriver(host)
    await before.open(LOCAL)
    await before.connect(cable())
    await before.close()
    after = MemoryCableDriver(host)
    after.report(cable().name, ConnectionStatus.CONNECTING, "half way")
    host.leave_unknown("memory", ["10.9.9.9"])
    known, unknown = await after.observe()
    assert (known.name, known.message) == (cable().name, "half way")
    assert (unknown.name, unknown.key) == (None, "10.9.9.9")
    await after.cleanup()
    assert after.cables == {}


async def test_a_cable_fails_or_hangs_without_its_neighbours() -> None:
    driver = MemoryCableDriver()
    await driver.open(LOCAL)
    driver.fail(cable(2).name, "no key")
    driver.hang(cable(3).name)
    with pytest.raises(CableError, match="no key"):
        await driver.connect(cable(2))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await driver.connect(cable(3))
    await driver.connect(cable(4))
    driver.heal(cable(2).name)
    await driver.connect(cable(2))
    assert set(driver.cables) == {cable(2).name, cable(4).name}


async def test_a_crash_comes_right_after_the_nth_change() -> None:
    driver = MemoryCableDriver()
    driver.host.crash_after(2)
    await driver.open(LOCAL)
    with pytest.raises(Crash):
        await driver.connect(cable())
    assert set(driver.cables) == {cable().name}
    await driver.disconnect(cable().name)


async def test_a_route_driver_keeps_its_plan_on_the_host() -> None:
    node = OverlayPeer("node-1", IPv4Address("10.0.0.1"))
    driver = MemoryRouteDriver()
    await driver.open(node, ())
    plan = NodePlan(node, False, (node,), node, (IPv4Network("10.2.0.0/16"),), (), ())
    await driver.apply(plan)
    await driver.apply(plan)
    assert driver.host.actions == ["route: open", "route: apply"]
    assert (await driver.observe()).carries == node.address
    driver.damaged = True
    assert [await driver.repair(), await driver.repair()] == [True, False]
    driver.broken = "no netlink"
    with pytest.raises(RouteError, match="no netlink"):
        await driver.observe()


def test_a_recording_extension_implements_every_event() -> None:
    endings = ("_changed", "_added", "_updated", "_removed", "_moved")
    events = {name for name in dir(hooks) if name.startswith("submariner_")}
    assert {name for name in events if name.endswith(endings)} <= set(dir(RecordingExtension))


def test_a_recording_extension_writes_events_down_and_raises_on_demand() -> None:
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    extension = RecordingExtension()
    manager.register(extension)
    manager.check_pending()
    manager.hook.submariner_leadership_changed(active=True, epoch=2, cause="test")
    assert extension.events == [("submariner_leadership_changed", (True, 2, "test"))]
    extension.raising.add("submariner_endpoint_added")
    with pytest.raises(RuntimeError):
        manager.hook.submariner_endpoint_added(endpoint=endpoint("west", 2))
    assert extension.hooks[-1] == "submariner_endpoint_added"
