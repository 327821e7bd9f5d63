"""A worker sends what is for other clusters to the gateway that carries."""

from __future__ import annotations

import asyncio
import re

import pytest

pytestmark = pytest.mark.netns

CONNECT = """
import socket
with socket.socket() as one:
    one.settimeout(0.3)
    one.connect_ex(("10.2.0.2", 9))
"""


async def test_a_pod_reaches_the_far_cluster_and_keeps_its_address(site):
    await site.apply_everywhere()
    site.note_sources("far", "10.2.0.2")
    assert "1 received" in site.ping("pod", "10.2.0.2")
    assert site.sources("far") == {"10.1.1.2"}


async def test_the_host_itself_reaches_the_far_cluster_from_its_cni_address(site):
    await site.apply_everywhere()
    site.note_sources("far", "10.2.0.2")
    assert "1 received" in site.ping("worker", "10.2.0.2")
    assert "1 received" in site.ping("worker", "10.2.0.2", "-I", "240.50.0.1")
    assert site.sources("far") == {"10.1.1.1"}


async def test_the_far_cluster_reaches_a_pod_and_keeps_its_address(site):
    await site.apply_everywhere()
    site.note_sources("pod", "10.1.1.2")
    assert "1 received" in site.ping("far", "10.1.1.2", "-I", "10.2.0.2")
    assert site.sources("pod") == {"10.2.0.2"}


@pytest.mark.parametrize("node", ["worker", "gw1", "gw2"])
async def test_a_restart_writes_nothing_to_the_kernel(site, node):
    await site.apply_everywhere()
    async with site.watched(node) as told:
        await site.apply(node, site.driver(node), site.plan(node))
    assert told == []


async def test_the_monitors_would_tell_of_a_write(site):
    await site.apply_everywhere()
    async with site.watched("worker") as told:
        await site.apply("worker", site.driver("worker"), site.plan("worker", "gw2"))
    assert told


async def test_a_move_is_one_nexthop_replaced(site):
    drivers = await site.apply_everywhere()
    async with site.watched("worker") as told:
        with site.factory.entered(site.name["worker"]):
            await drivers["worker"].apply(site.plan("worker", "gw2"))
    # The kernel itself tells of each route that followed the object.
    assert [line.partition("]")[0] for line in told] == ["[NEXTHOP", "[ROUTE"]
    assert all("240.50.0.3" in line for line in told)


async def test_moves_under_traffic_lose_nothing(site):
    drivers = await site.apply_everywhere()
    ping = site.start("pod", "ping -n -q -i 0.002 -w 3 10.2.0.2")
    for gateway in ("gw2", "gw1") * 5:
        with site.factory.entered(site.name["worker"]):
            await drivers["worker"].apply(site.plan("worker", gateway))
        site.far_sends_through(gateway)
        await asyncio.sleep(0.15)
    output = await asyncio.to_thread(ping.stdout.read)
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) rec", output).groups())
    assert sent > 100
    assert sent - received <= 1  # the last one may be on its way when ping ends


async def test_without_a_gateway_packets_end_in_a_blackhole(site):
    drivers = await site.apply_everywhere()
    with site.factory.entered(site.name["worker"]):
        await drivers["worker"].apply(site.plan("worker", None))
    assert "blackhole 10.2.0.0/16" in site.run("worker", "ip route")
    with site.factory.entered(site.name["worker"]):
        assert (await drivers["worker"].observe()).carries is None
        await drivers["worker"].apply(site.plan("worker", "gw2"))
    site.far_sends_through("gw2")
    assert "1 received" in site.ping("pod", "10.2.0.2")


async def test_a_prefix_that_goes_is_not_steered_any_more(site):
    drivers = await site.apply_everywhere()
    with site.factory.entered(site.name["worker"]):
        await drivers["worker"].apply(site.plan("worker", remote_prefixes=()))
        state = await drivers["worker"].observe()
    assert state.prefixes == ()
    assert "10.2.0.0/16" not in site.run("worker", "ip route")
    assert "10.2.0.0/16" not in site.run("worker", "nft list ruleset")


async def test_what_the_node_holds_is_observed(site):
    drivers = await site.apply_everywhere()
    with site.factory.entered(site.name["worker"]):
        state = await drivers["worker"].observe()
    assert state.overlay_device == "vx-submariner"
    assert state.overlay_mtu == 1450
    assert str(state.cni_address) == "10.1.1.1"
    assert str(state.carries) == "10.50.0.2"
    assert [str(prefix) for prefix in state.prefixes] == ["10.2.0.0/16"]
    assert state.message == ""


async def test_a_node_without_a_cni_address_serves_pods_and_says_so(site):
    site.ip(
        "worker",
        "addr del 10.1.1.1/24 dev cni0\n"
        "addr add 169.254.1.1/32 dev cni0\n"
        "route add 10.1.1.0/24 dev cni0\n",
    )
    site.ip("pod", "route replace default via 169.254.1.1 dev eth0 onlink\n")
    await site.apply_everywhere()
    assert "1 received" in site.ping("pod", "10.2.0.2")
    driver = site.driver("worker")
    plan = site.plan("worker")
    await site.apply("worker", driver, plan)
    with site.factory.entered(site.name["worker"]):
        state = await driver.observe()
    assert state.cni_address is None
    assert "no address of this node is in 10.1.0.0/16" in state.message


async def test_tcp_segments_fit_the_way(site):
    await site.apply_everywhere()
    heard = site.start("far", "timeout 10 tcpdump -lnvi any -c1 tcp[tcpflags]&tcp-syn!=0")
    while heard.poll() is None:
        await asyncio.to_thread(site.run, "pod", ["python3", "-c", CONNECT])
    assert "mss 1410" in heard.stdout.read()
