from __future__ import annotations

import pytest
from submariner_vxlan.status import AWAITS_ARP

from submariner_core.api.model import ConnectionStatus

pytestmark = pytest.mark.netns

FLOOD = "00:00:00:00:00:00"


@pytest.fixture
async def east(underlay):
    gateway = underlay.gateway("east", "172.31.0.1")
    await gateway.open()
    return gateway


async def joined(east, peer):
    peer.connect(east.endpoint)
    await east.connect(peer.endpoint, ours=False)
    return peer


def entries(gateway, mac):
    return [line for line in gateway.fdb() if line.startswith(mac)]


async def test_packets_pass_both_ways_before_anything_is_learnt(east, upstream):
    west = await joined(east, upstream("west", "172.31.0.2"))
    assert (await east.state(west.endpoint)).message == AWAITS_ARP
    east.ping(west.pod)
    west.ping(east.pod)


async def test_an_answer_to_arp_becomes_a_unicast_entry(east, upstream):
    west = await joined(east, upstream("west", "172.31.0.2"))
    east.ping(west.pod)
    state = await east.state(west.endpoint)
    assert (state.status, state.message) == (ConnectionStatus.CONNECTED, "")
    [entry] = entries(east, west.mac)
    assert "dst 172.31.0.2" in entry
    east.ping(west.pod)


async def test_data_to_a_learnt_peer_is_sent_to_nobody_else(underlay, east, upstream):
    west = await joined(east, upstream("west", "172.31.0.2"))
    north = await joined(east, upstream("north", "172.31.0.3"))
    east.ping(west.pod)
    east.ping(north.pod)
    await east.observe()
    before = received(north)
    east.ping(west.pod, count=5)
    assert received(north) == before


async def test_a_peer_that_restarts_with_another_mac_is_learnt_again(east, upstream):
    west = await joined(east, upstream("west", "172.31.0.2"))
    east.ping(west.pod)
    await east.observe()
    old = west.mac
    west.restart()
    assert west.mac != old
    east.run(f"ping -c1 -i0.1 -w5 -I{east.pod} {west.pod}")  # until one is answered, at most 5 s
    await east.observe()
    assert entries(east, old) == []
    assert len(entries(east, west.mac)) == 1
    east.ping(west.pod)


async def test_a_peer_that_comes_back_with_another_mac_is_reached_at_once(east, upstream):
    west = await joined(east, upstream("west", "172.31.0.2"))
    east.ping(west.pod)
    await east.observe()
    await east.disconnect(west.endpoint)
    assert "241.31.0.2" not in east.neighbours()
    assert east.fdb() == []
    west.restart()
    await east.connect(west.endpoint, ours=False)
    east.ping(west.pod)  # one packet, within 2 s: no neighbour entry of before stands in the way


async def test_a_restart_keeps_what_was_learnt(east, upstream):
    west = await joined(east, upstream("west", "172.31.0.2"))
    east.ping(west.pod)
    await east.observe()
    before = east.fdb()
    await east.restart()
    await east.open()
    await east.connect(west.endpoint, ours=False)
    await east.observe()
    assert east.fdb() == before


async def test_peers_of_both_kinds_stand_side_by_side(underlay, east, upstream):
    west = await joined(east, upstream("west", "172.31.0.2"))
    ours = underlay.gateway("north", "172.31.0.3")
    await ours.open()
    await ours.connect(east.endpoint)
    await east.connect(ours.endpoint)
    east.ping(west.pod)
    east.ping(ours.pod)
    assert [line.split(" dst ")[1].split()[0] for line in entries(east, FLOOD)] == ["172.31.0.2"]


async def test_a_peer_that_turns_out_to_be_ours_is_flooded_no_more(underlay, east):
    west = underlay.gateway("west", "172.31.0.2")
    await west.open()
    await west.connect(east.endpoint)
    await east.connect(west.endpoint, ours=False)
    east.ping(west.pod)
    await east.observe()
    await east.connect(west.endpoint, ours=True)
    assert entries(east, FLOOD) == []
    assert "PERMANENT" in east.neighbours()
    east.ping(west.pod)
    await east.connect(west.endpoint, ours=False)
    assert "PERMANENT" not in east.neighbours()
    assert len(entries(east, FLOOD)) == 1
    east.ping(west.pod)


async def test_a_watch_looks_every_second_while_an_answer_is_awaited(
    underlay, east, upstream, monkeypatch
):
    waits = []

    async def note(seconds):
        waits.append(seconds)

    monkeypatch.setattr("submariner_vxlan.driver.asyncio.sleep", note)
    west = await joined(east, upstream("west", "172.31.0.2"))
    with underlay.netns.entered(east.namespace):
        changes = east.driver.watch()
        await anext(changes)
        east.ping(west.pod)
        await anext(changes)
        await anext(changes)
        await changes.aclose()
    assert waits == [1.0, 5.0]


def received(gateway):
    counter = "cat /sys/class/net/vxlan-tunnel/statistics/rx_packets"
    return int(gateway.run(counter))
