from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from submariner_core.api.network import FLOOD
from submariner_core.kernel import ForwardingEntry, Vxlan, VxlanSettings

pytestmark = pytest.mark.netns

DEVICE = "vx-test"
PEER = "02:f0:0a:00:00:02"


def entry(mac: str, last: int, port: int | None = None) -> ForwardingEntry:
    return ForwardingEntry(DEVICE, mac, IPv4Address(f"10.0.0.{last}"), port)


@pytest.fixture
async def fdb(kernel):
    settings = VxlanSettings(vni=100, port=4800, local=IPv4Address("10.0.0.1"))
    await kernel.links.ensure_vxlan(Vxlan(DEVICE, settings, 1400, "02:f0:0a:00:00:01"))
    return kernel.fdb


async def test_the_zero_mac_is_appended_to(fdb):
    assert await fdb.ensure(entry(FLOOD, 2))
    assert await fdb.ensure(entry(FLOOD, 3))
    assert not await fdb.ensure(entry(FLOOD, 2))

    assert set(await fdb.list(DEVICE)) == {entry(FLOOD, 2), entry(FLOOD, 3)}


async def test_one_destination_of_the_zero_mac_goes_alone(fdb):
    await fdb.ensure(entry(FLOOD, 2))
    await fdb.ensure(entry(FLOOD, 3))

    assert await fdb.delete(entry(FLOOD, 2))
    assert not await fdb.delete(entry(FLOOD, 2))

    assert await fdb.list(DEVICE) == (entry(FLOOD, 3),)


async def test_a_unicast_mac_moves_to_its_new_destination(fdb):
    await fdb.ensure(entry(PEER, 2))

    assert await fdb.ensure(entry(PEER, 3))

    assert await fdb.list(DEVICE) == (entry(PEER, 3),)


async def test_another_port_is_kept_and_the_devices_own_is_not_told(fdb, writes):
    assert await fdb.ensure(entry(PEER, 2, port=4500))
    assert await fdb.list(DEVICE) == (entry(PEER, 2, port=4500),)

    assert await fdb.ensure(entry(PEER, 2, port=4800))
    assert await fdb.list(DEVICE) == (entry(PEER, 2),)
    writes.clear()

    assert not await fdb.ensure(entry(PEER, 2, port=4800))
    assert not await fdb.ensure(entry(PEER, 2))
    assert writes == []


async def test_reconcile_makes_exactly_the_wanted_entries(fdb, writes):
    for held in (entry(FLOOD, 2), entry(FLOOD, 3), entry(PEER, 2), entry("02:00:00:00:00:09", 9)):
        await fdb.ensure(held)
    writes.clear()
    wanted = (entry(FLOOD, 3), entry(FLOOD, 4), entry(PEER, 5))

    assert await fdb.reconcile(DEVICE, wanted) == 4
    assert set(await fdb.list(DEVICE)) == set(wanted)
    assert len(writes) == 4

    assert await fdb.reconcile(DEVICE, wanted) == 0
    assert len(writes) == 4


async def test_learned_entries_are_not_ours(fdb, shell):
    shell(f"bridge fdb add 02:00:00:00:00:07 dev {DEVICE} dst 10.0.0.7 self dynamic")

    assert await fdb.list(DEVICE) == ()
    assert await fdb.reconcile(DEVICE, ()) == 0


async def test_entries_of_another_device_are_apart(fdb, kernel):
    settings = VxlanSettings(vni=200, port=4500, local=IPv4Address("10.0.0.1"))
    await kernel.links.ensure_vxlan(Vxlan("vx-other", settings, 1400, "02:f1:0a:00:00:01"))
    await fdb.ensure(entry(PEER, 2))

    assert await fdb.list("vx-other") == ()
    assert await fdb.list("nope") == ()
