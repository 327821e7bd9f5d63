"""Each constructor, judged by how nft itself writes what it makes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network

import pytest

from submariner_core.kernel import expressions as x
from submariner_core.kernel import nft

pytestmark = pytest.mark.netns

ONE, INNER, OTHER = (IPv4Network(n) for n in ("10.1.0.0/16", "10.1.2.0/24", "10.5.0.0/16"))
V6 = IPv6Network("fd00::/64")

FILTER_RULES = {
    "ip saddr 10.1.0.0/16 accept": [x.source(ONE), x.accept()],
    "ip daddr 10.1.0.1 drop": [x.destination(IPv4Address("10.1.0.1")), x.drop()],
    "ip6 saddr fd00::/64 accept": [x.source(V6), x.accept()],
    "ip saddr @remote return": [x.source("@remote"), x.leave()],
    'iifname "vx-submariner" jump other': [x.incoming("vx-submariner"), x.jump("other")],
    'oifname "submariner*" accept': [x.outgoing("submariner*"), x.accept()],
    "udp dport 4800 accept": [x.udp_port(4800), x.accept()],
    "udp dport 4500-4507 accept": [x.udp_port((4500, 4507)), x.accept()],
    "udp dport { 4500-4507, 4800 } accept": [x.udp_port(4800, (4500, 4507)), x.accept()],
    "ct state invalid drop": [x.connection("invalid"), x.drop()],
    "ct state established,related accept": [x.connection("established", "related"), x.accept()],
    "ct status dnat accept": [x.destination_translated(), x.accept()],
    "tcp flags syn / syn,rst tcp option maxseg size set rt mtu": [x.opens_tcp(), x.clamp_mss()],
    "tcp flags syn / syn,rst tcp option maxseg size set 1300": [x.opens_tcp(), x.clamp_mss(1300)],
    "counter packets 0 bytes 0": [x.count()],
    'counter name "seen"': [x.count("seen")],
}
NAT_RULES = {
    "snat ip prefix to ip saddr map { 10.1.0.0/16 : 10.1.0.0/16, 10.5.0.0/16 : 10.5.0.0/16 }": [
        x.keep_source([ONE, INNER, OTHER, V6])
    ],
    "snat ip to 10.1.0.1": [x.translate_source(IPv4Address("10.1.0.1"))],
}


async def written(shell, *objects: x.Object) -> str:
    await nft.replace_table("inet", "test", objects)
    listing = shell("nft list table inet test")
    await nft.delete_table("inet", "test")
    return listing


@pytest.mark.parametrize(("text", "expressions"), FILTER_RULES.items(), ids=FILTER_RULES.keys())
async def test_a_filter_rule_reads_as_meant(netns, shell, text, expressions):
    listing = await written(
        shell,
        x.named_counter("seen"),
        x.prefix_set("remote", [ONE]),
        x.chain("other"),
        x.base_chain("forward", "filter", "forward", x.MANGLE),
        x.rule("forward", *expressions, comment="why"),
    )

    assert "type filter hook forward priority mangle; policy accept;" in listing
    assert f'\t\t{text} comment "why"\n' in listing


@pytest.mark.parametrize(("text", "expressions"), NAT_RULES.items(), ids=NAT_RULES.keys())
async def test_a_nat_rule_reads_as_meant(netns, shell, text, expressions):
    listing = await written(
        shell,
        x.base_chain("post", "nat", "postrouting", x.SOURCE_NAT - 1),
        x.rule("post", *expressions),
    )

    assert "type nat hook postrouting priority srcnat - 1; policy accept;" in listing
    assert f"\t\t{text}\n" in listing


async def test_a_set_merges_overlaps_and_keeps_to_its_version(netns, shell):
    listing = await written(
        shell,
        x.prefix_set("four", [OTHER, INNER, ONE, V6]),
        x.prefix_set("six", [ONE, V6], 6),
        x.prefix_set("empty", []),
    )

    assert "elements = { 10.1.0.0/16, 10.5.0.0/16 }" in listing
    assert "elements = { fd00::/64 }" in listing
    assert listing.count("elements") == 2
