"""Clean-up removes what is ours, all of it, and nothing else."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.netns

SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.eth0.rp_filter",
    "net.ipv4.conf.cni0.rp_filter",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.conf.eth0.send_redirects",
    "net.netfilter.nf_conntrack_tcp_be_liberal",
)
FOREIGN = """
table ip somebody {
  chain out {
    type filter hook output priority 0
    ip daddr 192.0.2.9 drop
  }
}
"""


def whole(site, node: str) -> dict[str, str]:
    """All that a node holds of what we touch."""
    return {
        "links": "".join(line.split(" state ")[0] for line in site.run(node, "ip -o -br link")),
        "routes": site.run(node, "ip route show table all type unicast"),
        "rules": site.run(node, "ip rule"),
        "nexthops": site.run(node, "ip nexthop"),
        "nft": site.run(node, "nft -s list ruleset"),
        **{name: site.run(node, ["sysctl", "-n", name]) for name in SYSCTLS},
    }


@pytest.mark.parametrize("node", ["worker", "gw1", "gw2"])
async def test_a_fresh_process_leaves_the_node_as_it_was(site, node):
    site.run(node, "nft -f -", stdin=FOREIGN)
    site.ip(node, "route add 192.0.2.0/24 via 10.50.0.9\nrule add from 192.0.2.7 priority 150\n")
    site.ip(node, "nexthop add id 77 via 10.50.0.9 dev eth0\n")
    before = whole(site, node)
    await site.apply_everywhere()
    assert whole(site, node) != before
    driver = site.driver(node)
    with site.factory.entered(site.name[node]):
        await driver.cleanup()
        await driver.cleanup()
    assert whole(site, node) == before


async def test_a_node_that_was_never_ours_is_left_alone(site):
    before = whole(site, "worker")
    driver = site.driver("worker")
    with site.factory.entered(site.name["worker"]):
        await driver.cleanup()
    assert whole(site, "worker") == before


async def test_a_sysctl_that_somebody_changed_since_is_left_alone(site):
    await site.apply_everywhere()
    site.run("worker", ["sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=0"])
    driver = site.driver("worker")
    with site.factory.entered(site.name["worker"]):
        await driver.cleanup()
    assert site.run("worker", "sysctl -n net.ipv4.conf.eth0.rp_filter") == "0\n"
