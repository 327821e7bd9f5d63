"""One accept stands first in the node's own filter, and nothing else of it is touched."""

from __future__ import annotations

import shutil
import socket

import pytest
from submariner_kubeproxy import host_firewall

pytestmark = pytest.mark.netns

ACCEPT = "-m mark --mark 0x2000/0x2000"
ESP = 50


def forward(site, node: str = "worker", chain: str = "FORWARD") -> list[str]:
    return site.run(node, ["iptables-nft", "-S", chain]).splitlines()


async def test_it_stands_before_the_rule_that_drops_invalid_packets(site):
    before = forward(site)
    await site.apply_everywhere()
    policy, first, *others = forward(site)
    assert ACCEPT in first
    assert [policy, *others] == before
    assert ACCEPT in forward(site, chain="INPUT")[1]


async def test_a_flushed_chain_gets_it_back(site):
    drivers = await site.apply_everywhere()
    site.run("worker", ["iptables-nft", "-F", "FORWARD"])
    with site.factory.entered(site.name["worker"]):
        assert await drivers["worker"].repair()
        assert not await drivers["worker"].repair()
    assert ACCEPT in forward(site)[1]
    assert "1 received" in site.ping("pod", "10.2.0.2")


async def test_a_rule_that_somebody_put_before_it_comes_second_again(site):
    drivers = await site.apply_everywhere()
    site.run("worker", ["iptables-nft", "-I", "FORWARD", "1", "-j", "DROP"])
    with site.factory.entered(site.name["worker"]):
        assert await drivers["worker"].repair()
    rules = forward(site)
    assert ACCEPT in rules[1]
    assert rules[2] == "-A FORWARD -j DROP"
    assert sum(ACCEPT in rule for rule in rules) == 1


async def test_a_flushed_table_of_our_own_is_put_back(site):
    drivers = await site.apply_everywhere()
    before = site.run("worker", "nft -s list table ip submariner")
    site.run("worker", "nft flush table ip submariner")
    with site.factory.entered(site.name["worker"]):
        assert await drivers["worker"].repair()
    assert site.run("worker", "nft -s list table ip submariner") == before


async def test_iptables_saves_and_restores_exactly_what_it_accepts(site):
    await site.apply_everywhere()
    saved = site.run("worker", ["iptables-nft-save", "-t", "filter"])
    site.run("worker", ["iptables-nft-restore"], stdin=saved)
    assert ACCEPT in forward(site)[1]
    assert "1 received" in site.ping("pod", "10.2.0.2")


async def test_other_traffic_does_not_profit_from_it(site):
    await site.apply_everywhere()
    site.ip("gw1", "addr add 192.0.2.1/32 dev lo\n")
    site.ip("worker", "route add 192.0.2.1/32 via 10.50.0.2\n")
    with pytest.raises(AssertionError, match="100% packet loss"):
        site.ping("pod", "192.0.2.1")


async def test_the_mark_does_not_leave_the_node(site):
    await site.apply_everywhere()
    site.run(
        "worker",
        "nft -f -",
        stdin="table ip late {\nchain out {\ntype filter hook postrouting priority 300\n"
        "meta mark & 0x2000 == 0x2000 counter drop\n}\n}\n",
    )
    assert "1 received" in site.ping("pod", "10.2.0.2")


async def test_without_a_filter_table_none_is_made(site):
    site.run("worker", "nft delete table ip filter")
    await site.apply_everywhere()
    assert "table ip filter" not in site.run("worker", "nft list tables")
    assert "1 received" in site.ping("pod", "10.2.0.2")


@pytest.mark.skipif(
    shutil.which("iptables-legacy") is None,
    reason="iptables-legacy is absent: apt-get install iptables",
)
async def test_iptables_legacy_is_treated_alike(site):
    site.run("worker", "nft delete table ip filter")
    rules = ["-P FORWARD DROP", "-A FORWARD -m conntrack --ctstate INVALID -j DROP"]
    for rule in rules:
        site.run("worker", ["iptables-legacy", *rule.split()])
    drivers = await site.apply_everywhere()
    listed = site.run("worker", ["iptables-legacy", "-S", "FORWARD"]).splitlines()
    assert ACCEPT in listed[1]
    assert [listed[0], *listed[2:]] == rules
    assert "1 received" in site.ping("pod", "10.2.0.2")
    with site.factory.entered(site.name["worker"]):
        assert not await drivers["worker"].repair()
        site.run("worker", ["iptables-legacy", "-F", "FORWARD"])
        assert await drivers["worker"].repair()
        assert await host_firewall.remove()
    assert site.run("worker", ["iptables-legacy", "-S", "FORWARD"]).split("\n")[0] == rules[0]
    assert ACCEPT not in site.run("worker", ["iptables-legacy", "-S"])


async def test_a_gateway_whose_input_drops_takes_plain_esp_where_cables_have_it(site):
    site.run("gw1", ["iptables-nft", "-P", "INPUT", "DROP"])
    driver = site.driver("gw1")
    await site.apply("gw1", driver, site.plan("gw1"))
    with site.factory.entered(site.name["gw1"]):
        taken = socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP)
    with site.factory.entered(site.name["gw2"]):
        peer = socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP)
    with taken, peer:
        taken.settimeout(1)
        peer.sendto(b"refused!", (str(site.node["gw1"].address), 0))
        await site.apply("gw1", driver, site.plan("gw1", cable_protocols=(ESP,)))
        peer.sendto(b"accepted", (str(site.node["gw1"].address), 0))
        assert taken.recv(100)[20:] == b"accepted"
