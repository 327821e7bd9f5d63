"""Packets through real daemons: made, kept, adopted, removed."""

from __future__ import annotations

import dataclasses
import os
import signal
from ipaddress import ip_network

import pytest
from submariner_libreswan.tunnel import FIRST_INTERFACE

from submariner_core.api.cable import USING_LOADBALANCER
from submariner_core.api.errors import CableError
from submariner_core.api.model import ConnectionStatus

pytestmark = [pytest.mark.netns]

SERVICES = {"east": "10.101.0.0/16", "west": "10.102.0.0/16"}
PODS = {"east": "10.1.0.0/16", "west": "10.2.0.0/16"}


async def test_pods_reach_each_other_and_octets_are_counted(underlay):
    east, west = await underlay.pair()
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        east.ping(west.pods[0], 5)
        west.ping(east.pods[0])
        state = await east.state(west.endpoint)
    assert state.rx_bytes >= 6 * 84
    assert state.tx_bytes >= 6 * 84


async def _four(underlay, **options):
    """Two gateways with a service and a cluster CIDR each: four child SAs."""
    east = underlay.gateway("east", "172.31.0.1", SERVICES["east"], PODS["east"], **options)
    west = underlay.gateway("west", "172.31.0.2", SERVICES["west"], PODS["west"], **options)
    await underlay.join(east, west)
    return east, west


async def test_each_pair_of_subnets_has_its_child_sa_and_all_are_counted(underlay):
    east, west = await _four(underlay)
    async with east.kept(), west.kept():
        state = await east.connected(west.endpoint)
        assert "4 child SAs" in state.message
        assert "4 child SAs" in (await west.connected(east.endpoint)).message
        before = await east.state(west.endpoint)
        for source in east.pods:
            for target in west.pods:
                east.run(f"ping -c3 -i0.05 -W2 -I{source} {target}")
        after = await east.state(west.endpoint)
    assert after.tx_bytes - before.tx_bytes >= 4 * 3 * 84
    assert after.rx_bytes - before.rx_bytes >= 4 * 3 * 84


async def test_a_restarted_gateway_adopts_daemon_and_sas_without_a_lost_packet(underlay):
    east, west = await _four(underlay)
    async with west.kept():
        async with east.kept():
            await east.connected(west.endpoint)
            await west.connected(east.endpoint)
        before = (east.daemons(), east.indices(), _sas(east), _sas(west))
        stream = east.stream(west.pods[0])
        for _ in range(3):
            await east.restart()
            await east.open()
            [left] = await east.observe()
            assert left.status is ConnectionStatus.NONE
            assert "left by an earlier process" in left.message
            await east.connect(west.endpoint)
            async with east.kept():
                await east.connected(west.endpoint)
        lost, sent = await east.lost(stream)
        assert sent > 5
        assert (east.daemons(), east.indices(), _sas(east), _sas(west)) == before
    assert lost == 0


def _sas(gateway):
    return gateway.sas() if gateway.kind == "strongswan" else None


async def test_opening_again_reloads_nothing_and_disturbs_nothing(underlay):
    east, west = await underlay.pair()
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        before = (east.daemons(), east.indices(), _sas(east))
        links = east.run("ip -o link")
        for _ in range(5):
            await east.open()
        assert east.run("ip -o link") == links
        assert (east.daemons(), east.indices(), _sas(east)) == before
        await east.connected(west.endpoint)


async def test_local_subnets_that_change_bring_other_child_sas_in_place_of_the_old(underlay):
    east, west = await underlay.pair()
    added = ip_network("10.77.0.0/16")
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        changed = dataclasses.replace(east.plain, subnets=(added,))
        east.run(f"ip addr add {added[1]}/32 dev lo")
        await east.open(endpoint=changed)
        await west.connect(east.endpoint)
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        east.run(f"ping -c2 -i0.05 -W2 -I{added[1]} {west.pods[0]}")
        with pytest.raises(AssertionError):
            east.run(f"ping -c1 -W1 -I{east.pods[0]} {west.pods[0]}")


async def test_a_remote_subnet_that_is_added_does_not_disturb_the_others(underlay):
    east, west = await underlay.pair()
    added = ip_network("10.77.0.0/16")
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        before = _sas(east)
        stream = west.stream(east.pods[0])
        west.run(f"ip addr add {added[1]}/32 dev lo")
        changed = dataclasses.replace(west.plain, subnets=(*west.plain.subnets, added))
        await west.open(endpoint=changed)
        await east.connect(west.endpoint)
        assert "2 child SAs" in (await east.connected(west.endpoint)).message
        assert "2 child SAs" in (await west.connected(east.endpoint)).message
        east.run(f"ping -c2 -i0.05 -W2 -I{east.pods[0]} {added[1]}")
        lost, _ = await west.lost(stream)
        if before is not None:
            after = _sas(east)
            assert after[0] == before[0]
            assert set(before[1]) < set(after[1])
    assert lost == 0


@pytest.mark.parametrize("servers", [(True, False), (False, True), (True, True)])
async def test_a_server_is_called_by_the_other_end(underlay, servers):
    east = underlay.gateway(
        "east", "172.31.0.1", SERVICES["east"], PODS["east"], preferred_server=servers[0]
    )
    west = underlay.gateway("west", "172.31.0.2", PODS["west"], preferred_server=servers[1])
    await underlay.join(east, west)
    async with east.kept(), west.kept():
        assert "2 child SAs" in (await east.connected(west.endpoint)).message
        assert "2 child SAs" in (await west.connected(east.endpoint)).message
        east.ping(west.pods[0], 2)
        west.ping(east.pods[0], 2)
        if east.kind == "strongswan":
            server = "east" if servers == (True, False) else "west"
            called = {sa.get("initiator") == b"yes" for _, sa in east.list_sas()}
            assert called == {server == "west"}


async def test_a_gateway_behind_a_load_balancer_is_called_without_being_told(underlay):
    east = underlay.gateway("east", "172.31.0.1", PODS["east"])
    east.plain = dataclasses.replace(
        east.plain, backend_config={USING_LOADBALANCER: "true", **east.plain.backend_config}
    )
    west = underlay.gateway("west", "172.31.0.2", PODS["west"])
    await underlay.join(east, west)
    advertised = [one.endpoint.backend_config["preferred-server"] for one in (east, west)]
    assert advertised == ["true", "false"]
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        east.ping(west.pods[0], 1)
        if east.kind == "strongswan":
            assert {sa.get("initiator") == b"yes" for _, sa in east.list_sas()} == {False}


@pytest.mark.parametrize("ours", [(True, False), (False, True), (False, False)])
async def test_ends_that_both_call_end_up_with_one_sa_and_one_child_for_each_pair(underlay, ours):
    east = underlay.gateway("east", "172.31.0.1", SERVICES["east"], PODS["east"])
    west = underlay.gateway("west", "172.31.0.2", PODS["west"])
    await east.open()
    await west.open()
    await east.connect(west.endpoint, ours=ours[0])
    await west.connect(east.endpoint, ours=ours[1])
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        east.ping(west.pods[0], 2)
        west.ping(east.pods[0], 2)
        if east.kind == west.kind == "strongswan":
            await east.settled(1, 2)
            await west.settled(1, 2)
        east.ping(west.pods[0], 2)


async def test_encapsulation_is_forced_where_it_is_asked_for(underlay):
    east, west = await underlay.pair(force_encaps=True)
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        east.ping(west.pods[0], 2)
        if east.plane != "userspace":
            assert "espinudp" in east.run("ip xfrm state")


async def test_a_subnet_in_which_the_node_has_no_address_is_carried_too(underlay):
    east, west = await _four(underlay)
    for one in (east, west):
        one.run(f"ip addr del {one.pods[0]}/32 dev lo")
        await one.open()
    async with east.kept(), west.kept():
        assert "4 child SAs" in (await east.connected(west.endpoint)).message
        assert "4 child SAs" in (await west.connected(east.endpoint)).message
        east.ping(west.pods[1], 2)


async def test_what_is_disconnected_is_gone_and_others_stay(underlay):
    east, west = await underlay.pair()
    north = underlay.gateway("north", "172.31.0.3")
    await north.open()
    await north.connect(east.endpoint)
    await east.connect(north.endpoint)
    async with east.kept(), west.kept(), north.kept():
        for one in (west, north):
            await east.connected(one.endpoint)
            await one.connected(east.endpoint)
        stream = east.stream(west.pods[0])
        await east.disconnect(north.endpoint)
        for name in ("submariner-cable-nobody-1-2-3-4", "nonsense ' \" {}", "", "x" * 300):
            await east.room.run(east.driver.disconnect(name))
        assert [state.name for state in await east.observe()] == [west.endpoint.cable_name]
        lost, _ = await east.lost(stream)
        assert lost == 0
        await east.disconnect(west.endpoint)
        assert await east.observe() == ()
    if east.plane == "interfaces":
        assert not [one for one in east.indices() if "ipsec4" in one]
        assert not east.run("ip xfrm state").strip()


@pytest.mark.parametrize("how", ["alive", "killed"])
async def test_cleanup_leaves_nothing(underlay, how):
    east = underlay.gateway("east", "172.31.0.1")
    west = underlay.gateway("west", "172.31.0.2")
    rules = east.run("ip rule")
    await underlay.join(east, west)
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
    if how == "killed":
        for pid in east.daemons():
            os.kill(pid, signal.SIGKILL)
    await east.cleanup()
    assert east.daemons() == []
    assert east.indices() == []
    assert east.run("ip rule") == rules
    assert not [path for path in east.state_dir.rglob("*") if path.is_file()]
    assert east.run("ip xfrm state").strip() == ""
    assert east.run("ip xfrm policy").strip() == ""
    await east.cleanup()


async def test_cleanup_works_in_a_process_that_opened_nothing(underlay):
    east, west = await underlay.pair()
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
    await east.restart()
    await east.cleanup()
    assert east.daemons() == []
    assert east.indices() == []


async def test_the_interface_name_that_something_else_has_is_named(inkernel):
    east = inkernel.gateway("east", "172.31.0.1")
    west = inkernel.gateway("west", "172.31.0.2")
    await east.open()
    await west.open()
    name = f"ipsec{FIRST_INTERFACE}"
    east.run(f"ip link add {name} type dummy")
    with pytest.raises(CableError, match=f"device {name}.*rename or delete it"):
        await east.connect(west.endpoint)
    await east.cleanup()
    assert name in east.run("ip -o link")
