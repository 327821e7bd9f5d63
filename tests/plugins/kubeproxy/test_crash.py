"""The process dies after every single change in turn; the next one reaches the same state."""

from __future__ import annotations

import re
from ipaddress import IPv4Network

import pytest
from submariner_kubeproxy.driver import JOURNAL

from submariner_core.kernel import sysctl
from submariner_core.kernel.netlink import Netlink
from submariner_core.kernel.nft import program
from submariner_core.testing import Crash
from tests.plugins.kubeproxy.conftest import FAR, Site

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]

NEARER = IPv4Network("10.3.0.0/16")
MOST = 60
"""More changes than any of these days has: else the loop would be endless."""
LISTED = (
    "ip -o link show dev vx-submariner",
    "ip -d -o link show type vxlan",
    "ip -4 -o address show dev vx-submariner",
    "ip neighbour show nud permanent",
    "bridge fdb show dev vx-submariner",
    "ip nexthop",
    "ip -4 route show table all",
    "ip rule",
    "sysctl -a -r ip_forward|rp_filter|send_redirects|be_liberal",
)
NOT_THE_SAME_TWICE = re.compile(r"^\d+: |@if\d+|link-netns \S+| expires \d+sec")
DAYS = {
    "worker": ({"carries": "gw1"}, {"carries": None}, {"carries": "gw2", "remote_prefixes": ()}),
    "gw2": ({"carries": "gw1"}, {"carries": "gw2"}, {"carries": "gw1", "peers": ()}),
}
"""What a node lives through before it comes to its end; each is a plan."""
END = {"carries": "gw2", "remote_prefixes": (FAR, NEARER)}


class Fuse:
    """Counts changes to the kernel, the packet filter and sysctls, and blows after one."""

    def __init__(self, monkeypatch):
        self.left = None
        self.count = 0
        for owner, name in ((Netlink, "change"), (program, "_run")):
            monkeypatch.setattr(owner, name, self._after(getattr(owner, name)))
        write = sysctl.Path.write_text

        def written(*arguments, **keywords):
            result = write(*arguments, **keywords)
            self._burn()
            return result

        monkeypatch.setattr(sysctl.Path, "write_text", written)

    def _after(self, change):
        async def changed(*arguments, **keywords):
            result = await change(*arguments, **keywords)
            if change.__name__ != "_run" or arguments[1]:  # without a document nft only lists
                self._burn()
            return result

        return changed

    def _burn(self):
        self.count += 1
        if self.left is not None and self.count > self.left:
            self.left = None
            raise Crash


@pytest.fixture
def fuse(monkeypatch):
    return Fuse(monkeypatch)


async def live(site: Site, node: str, *plans: dict[str, object]) -> None:
    """A process that carries out one plan after the other."""
    driver = site.driver(node)
    first = site.plan(node, **plans[0])
    with site.factory.entered(site.name[node]):
        await driver.open(first.node, first.cluster_cidr)
        for changes in plans:
            await driver.apply(site.plan(node, **changes))


async def forget(site: Site, node: str) -> None:
    """The node as it was before any of our processes."""
    driver = site.driver(node)
    with site.factory.entered(site.name[node]):
        await driver.cleanup()


def held(site: Site, node: str) -> dict[str, list[str]]:
    """All that the node holds, and what a clean-up would put back."""
    found = {}
    for command in LISTED:
        lines = site.run(node, command).splitlines()
        found[command] = sorted(NOT_THE_SAME_TWICE.sub("", line) for line in lines)
    # tables stand in the order in which they were made, which does not matter
    for table in site.run(node, "nft -s list ruleset").split("\ntable "):
        first, *lines = table.splitlines()
        found[first.removeprefix("table ")] = lines
    found[JOURNAL] = (site.state / node / JOURNAL).read_text().splitlines()
    return found


@pytest.mark.parametrize("node", DAYS)
async def test_whatever_change_was_the_last_the_next_process_converges(site, fuse, node):
    day = (*DAYS[node], END)
    await live(site, node, *day)
    changes, expected = fuse.count, held(site, node)
    assert 20 < changes < MOST
    await forget(site, node)
    for last in range(changes):
        fuse.count, fuse.left = 0, last
        with pytest.raises(Crash):
            await live(site, node, *day)
        await live(site, node, END)
        assert held(site, node) == expected, f"the process died after change {last + 1}"
        before = fuse.count
        await live(site, node, END)
        assert fuse.count == before, f"it does not rest after change {last + 1}"
        await forget(site, node)
