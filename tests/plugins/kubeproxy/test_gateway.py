"""A gateway node: own traffic goes into its own cables only while it carries."""

from __future__ import annotations

import asyncio
import re

import pytest

pytestmark = pytest.mark.netns

ECHO = """
import socket
with socket.create_server(("0.0.0.0", 8080)) as server:
    while True:
        connection, peer = server.accept()
        with connection:
            connection.sendall(peer[0].encode())
"""
ASK = """
import socket
with socket.create_connection(("100.1.0.9", 80), 5) as one:
    print(one.recv(64).decode())
"""
SERVICE = """
table ip services {
  chain prerouting {
    type nat hook prerouting priority -100
    ip daddr 100.1.0.9 tcp dport 80 dnat to 10.1.1.2:8080
  }
}
"""


async def test_the_gateway_that_carries_uses_its_own_cables(site):
    await site.apply_everywhere("gw1")
    assert "10.2.0.0/16" not in site.run("gw1", "ip route show table main")
    site.note_sources("far", "10.2.0.2")
    assert "1 received" in site.ping("gw1", "10.2.0.2")
    assert site.sources("far") == {"10.1.2.1"}


@pytest.mark.parametrize(("pod", "address"), [("pod1", "10.1.2.2"), ("pod2", "10.1.3.2")])
async def test_pods_of_either_gateway_reach_the_far_cluster(site, pod, address):
    await site.apply_everywhere("gw1")
    site.note_sources("far", "10.2.0.2")
    assert "1 received" in site.ping(pod, "10.2.0.2")
    assert site.sources("far") == {address}


async def test_a_passive_gateway_sends_through_the_active_one(site):
    await site.apply_everywhere("gw1")
    assert "via 240.50.0.2" in site.run("gw2", "ip route get 10.2.0.2")
    site.note_sources("far", "10.2.0.2")
    assert "1 received" in site.ping("gw2", "10.2.0.2")
    assert site.sources("far") == {"10.1.3.1"}


async def test_becoming_the_one_that_carries_and_back_loses_nothing(site):
    drivers = await site.apply_everywhere("gw1")
    ping = site.start("pod2", "ping -n -q -i 0.002 -w 3 10.2.0.2")
    for gateway in ("gw2", "gw1") * 4:
        with site.factory.entered(site.name["gw2"]):
            await drivers["gw2"].apply(site.plan("gw2", gateway))
        await asyncio.sleep(0.2)
    output = await asyncio.to_thread(ping.stdout.read)
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) rec", output).groups())
    assert sent > 100
    assert sent - received <= 1


async def test_there_is_a_way_at_every_moment_of_becoming_the_one_that_carries(site):
    drivers = await site.apply_everywhere("gw1")
    for gateway in ("gw2", "gw1"):
        async with site.watched("gw2") as told:
            with site.factory.entered(site.name["gw2"]):
                await drivers["gw2"].apply(site.plan("gw2", gateway))
        rules, routes = (0, 1) if gateway == "gw2" else (1, 0)
        for line in told:
            change = -1 if "Deleted" in line else 1
            rules += change if "[RULE]" in line and "iif lo" in line else 0
            routes += change if "[ROUTE]" in line and "10.2.0.0/16" in line else 0
            assert rules or routes, told
        assert (rules, routes) == ((1, 0) if gateway == "gw2" else (0, 1))


async def test_other_traffic_of_the_host_is_not_touched_by_the_rules(site):
    before = site.run("gw1", "ip route get 10.50.0.3")
    await site.apply_everywhere("gw1")
    assert site.run("gw1", "ip route get 10.50.0.3") == before
    assert "1 received" in site.ping("gw1", "10.1.1.1")


async def test_every_node_is_known_on_the_gateways_overlay(site):
    await site.apply_everywhere("gw1")
    neighbours = site.run("gw1", "ip neigh show dev vx-submariner")
    assert "240.50.0.1 lladdr 02:f0:0a:32:00:01 PERMANENT" in neighbours
    assert "240.50.0.3 lladdr 02:f0:0a:32:00:03 PERMANENT" in neighbours
    fdb = site.run("gw1", "bridge fdb show dev vx-submariner")
    assert "02:f0:0a:32:00:01 dst 10.50.0.1 self permanent" in fdb
    assert "00:00:00:00:00:00" not in fdb


async def test_a_node_that_left_is_forgotten_on_the_overlay(site):
    drivers = await site.apply_everywhere("gw1")
    with site.factory.entered(site.name["gw1"]):
        await drivers["gw1"].apply(site.plan("gw1", peers=(site.node["gw2"],)))
    assert "240.50.0.1" not in site.run("gw1", "ip neigh show dev vx-submariner")
    assert "10.50.0.1" not in site.run("gw1", "bridge fdb show dev vx-submariner")


@pytest.mark.parametrize(
    ("through", "seen_from"), [("gw1", "10.2.0.2"), ("gw2", "10.1.3.1")], ids=["active", "passive"]
)
async def test_a_service_is_reached_through_either_gateway(site, through, seen_from):
    """The passive one answers for what it has translated itself, or replies would miss it."""
    await site.apply_everywhere("gw1")
    site.run(through, "nft -f -", stdin=SERVICE)
    server = site.factory.start(site.name["pod"], ["python3", "-c", ECHO])
    site.far_sends_through(through)
    while not site.run("pod", "ss -Hltn sport = 8080"):
        assert server.poll() is None
        await asyncio.sleep(0.02)
    assert site.run("far", ["python3", "-c", ASK]).strip() == seen_from
