"""Nodes whose route agent is upstream's: their overlay device has a MAC of chance."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytestmark = pytest.mark.netns

DEVICE = (
    "link add vx-submariner type vxlan id 100 dstport 4800 nolearning\n"
    "addr add {address}/8 dev vx-submariner\n"
    "link set vx-submariner up\n"
)
TOWARDS = "bridge fdb append 00:00:00:00:00:00 dst {} dev vx-submariner"


async def test_an_upstream_gateway_is_asked_for_its_mac_and_one_of_ours_after_it_is_not(site):
    asked = replace(site.node["gw1"], asked=True)
    plan = replace(site.plan("worker"), gateways=(asked,), carries=asked)
    site.ip("gw1", DEVICE.format(address="240.50.0.2"))
    site.run("gw1", "sysctl -qw net.ipv4.conf.all.rp_filter=2")
    site.run("gw1", TOWARDS.format("10.50.0.1"))
    driver = site.driver("worker")
    await site.apply("worker", driver, plan)
    assert "1 received" in site.ping("worker", "240.50.0.2")
    assert "PERMANENT" not in site.run("worker", "ip neigh show dev vx-submariner")

    await site.apply("gw1", site.driver("gw1"), site.plan("gw1"))
    with site.factory.entered(site.name["worker"]):
        await driver.apply(site.plan("worker"))
    assert "1 received" in site.ping("worker", "240.50.0.2")
    assert "PERMANENT" in site.run("worker", "ip neigh show 240.50.0.2 dev vx-submariner")
    assert "00:00:00:00:00:00" not in site.run("worker", "bridge fdb show dev vx-submariner")


async def test_an_upstream_node_that_nobody_knows_reaches_a_gateway_of_ours(site):
    await site.apply("gw1", site.driver("gw1"), site.plan("gw1", peers=()))
    site.ip("worker", DEVICE.format(address="240.50.0.1"))
    site.run("worker", TOWARDS.format("10.50.0.2"))
    assert "1 received" in site.ping("worker", "240.50.0.2")
