"""The example is built, unpacked as pip would, found by its entry point, and passes packets."""

from __future__ import annotations

from importlib.metadata import distributions
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pluggy
import pytest

from submariner_core.api import hooks
from submariner_core.api.cable import Cable, LocalGateway
from submariner_core.api.errors import CableError
from submariner_core.api.info import CableOptions, Capability
from submariner_core.api.model import Endpoint

SOURCE = Path(__file__).parents[3] / "plugins" / "example"
EAST, WEST, FAR = (IPv4Address(text) for text in ("172.31.0.1", "172.31.0.2", "192.168.7.2"))


@pytest.fixture
def plugin(third_party, monkeypatch):
    monkeypatch.syspath_prepend(str(third_party))
    [distribution] = distributions(path=[str(third_party)])
    [entry] = distribution.entry_points.select(group="submariner.cable", name="direct")
    return entry.load()


@pytest.fixture
def driver(plugin, tmp_path):
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(plugin)
    manager.check_pending()
    asked = {"options": CableOptions(), "state_dir": tmp_path}
    assert manager.hook.submariner_cable_driver(name="other", **asked) == []
    [made] = manager.hook.submariner_cable_driver(name="direct", **asked)
    return made


def endpoint(cluster, address, prefix):
    return Endpoint(
        cluster_id=cluster,
        cable_name=f"submariner-cable-{cluster}",
        hostname=cluster,
        subnets=(IPv4Network(prefix),),
        private_ip=address,
        public_ip=None,
        nat_enabled=False,
        backend="direct",
    )


def cable_to(address):
    return Cable("west", endpoint("west", address, "10.2.0.0/16"), 0, address, 4500)


def test_the_whole_driver_is_one_module_of_less_than_40_lines():
    [module] = [file for file in SOURCE.rglob("*.py") if file.name != "__init__.py"]
    assert len(module.read_text().splitlines()) < 40


def test_its_identity_is_a_cable_driver_with_standbys(plugin):
    info = plugin.submariner_plugin_info()
    assert info.provides == {"cable": ("direct",)}
    assert info.capabilities == Capability.STANDBY


@pytest.mark.netns
async def test_packets_pass_between_the_pods_of_two_gateways(driver, netns_factory):
    east, west = netns_factory.create("east"), netns_factory.create("west")
    device, other = netns_factory.link(east, west, f"{EAST}/24", f"{WEST}/24")
    netns_factory.run(east, "ip addr add 10.1.0.1/32 dev lo")
    netns_factory.run(west, "ip addr add 10.2.0.1/32 dev lo")
    netns_factory.run(west, f"ip route add 10.1.0.0/16 via {EAST} dev {other} src 10.2.0.1")
    with netns_factory.entered(east):
        assert await driver.open(LocalGateway(endpoint("east", EAST, "10.1.0.0/16"))) == {}
        path = await driver.connect(cable_to(WEST))
    assert (path.device, path.via, path.mtu) == (device, WEST, 1500)
    netns_factory.run(
        east, f"ip route add 10.2.0.0/16 via {path.via} dev {path.device} src 10.1.0.1"
    )
    netns_factory.run(east, "ping -c1 -W2 -I10.1.0.1 10.2.0.1")
    await driver.close()


@pytest.mark.netns
async def test_a_peer_behind_a_router_is_reached_through_that_router(driver, netns_factory):
    east, router = netns_factory.create("east"), netns_factory.create("router")
    device, _ = netns_factory.link(east, router, f"{EAST}/24", f"{WEST}/24")
    netns_factory.run(east, f"ip route add 192.168.7.0/24 via {WEST} mtu 1400")
    with netns_factory.entered(east):
        path = await driver.connect(cable_to(FAR))
    assert (path.device, path.via, path.mtu) == (device, WEST, 1400)


@pytest.mark.netns
async def test_a_peer_that_cannot_be_reached_is_an_error_that_names_it(driver, netns):
    with pytest.raises(CableError, match=f"no route to {FAR}"):
        await driver.connect(cable_to(FAR))
    assert await driver.observe() == []


@pytest.mark.netns
async def test_cables_come_and_go_by_name(driver, netns_factory):
    east, west = netns_factory.create("east"), netns_factory.create("west")
    netns_factory.link(east, west, f"{EAST}/24", f"{WEST}/24")
    with netns_factory.entered(east):
        await driver.connect(cable_to(WEST))
        await driver.connect(cable_to(WEST))
    assert [state.name for state in await driver.observe()] == ["west"]
    await driver.disconnect("unknown")
    await driver.disconnect("west")
    assert await driver.observe() == []
    await driver.cleanup()
