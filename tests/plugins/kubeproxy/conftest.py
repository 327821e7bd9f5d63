"""A small site: a worker with a pod, two gateways, and a far cluster behind both of them.

The nodes are as hostile as real ones: strict source check, FORWARD drops by default and INVALID
always, everything that leaves the cluster is masqueraded. What the gateway process would program
(cables, table 100) is made here with ``ip``.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from submariner_kubeproxy.driver import KubeProxyDriver
from submariner_kubeproxy.options import KubeProxyOptions

from submariner_core.api.route import NodePlan, OverlayPeer

CLUSTER = IPv4Network("10.1.0.0/16")
SERVICES = IPv4Network("100.1.0.0/16")
FAR = IPv4Network("10.2.0.0/16")
FAR_POD = "10.2.0.2"
NODES = {"worker": 1, "gw1": 2, "gw2": 3}
PODS = {"worker": "pod", "gw1": "pod1", "gw2": "pod2"}
SOURCES = """
table ip seen {
  set sources {
    type ipv4_addr
    flags dynamic
    size 64
  }
  chain arrives {
    type filter hook input priority 0
    ip daddr ADDRESS update @sources { ip saddr }
  }
}
"""
_numbers = itertools.count()
HOSTILE = """
*filter
:INPUT ACCEPT
:FORWARD DROP
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -s 10.1.0.0/16 -d 10.1.0.0/16 -j ACCEPT
COMMIT
*nat
:POSTROUTING ACCEPT
-A POSTROUTING -s 10.1.0.0/16 ! -d 10.1.0.0/16 -j MASQUERADE
-A POSTROUTING ! -s 10.1.0.0/16 -d 10.1.0.0/16 -j MASQUERADE
COMMIT
"""


class Site:
    """The nodes by name; ``node`` is each as a peer, ``name`` its namespace."""

    def __init__(self, factory, state: Path) -> None:
        self.factory = factory
        self.state = state
        self.name = {one: factory.create(one) for one in (*NODES, *PODS.values(), "switch", "far")}
        self.node = {n: OverlayPeer(n, IPv4Address(f"10.50.0.{i}")) for n, i in NODES.items()}
        self._drivers: list[KubeProxyDriver] = []
        for node in NODES:  # its own chatter would stand between what is watched
            self.run(node, ["sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"])
        self._underlay()
        for node in NODES:
            self._make_hostile(node)
        self._cables()

    def ip(self, node: str, commands: str) -> None:
        """Several ``ip`` commands in a node's namespace."""
        self.factory.run(self.name[node], "ip -batch -", stdin=commands)

    def run(self, node: str, command: str | list[str], stdin: str = "") -> str:
        """One command in a node's namespace."""
        return self.factory.run(self.name[node], command, stdin=stdin)

    def driver(self, node: str, **options: int) -> KubeProxyDriver:
        """A driver as a fresh process of that node would have it."""
        driver = KubeProxyDriver(KubeProxyOptions(**options), self.state / node)
        self._drivers.append(driver)
        return driver

    def plan(self, node: str, carries: str | None = "gw1", **changes) -> NodePlan:
        """The plan of a node while ``carries`` leads."""
        others = [one for one in ("gw1", "gw2") if one != carries]
        order = [carries, *others] if carries else others
        gateway = node != "worker"
        values = {
            "node": self.node[node],
            "on_gateway": gateway,
            "gateways": tuple(self.node[one] for one in order),
            "carries": self.node[carries] if carries else None,
            "remote_prefixes": (FAR,),
            "cluster_cidr": (CLUSTER,),
            "service_cidr": (SERVICES,),
            "peers": tuple(p for n, p in self.node.items() if n != node) if gateway else (),
            "cable_ports": (4500,) if gateway else (),
        }
        return NodePlan(**{**values, **changes})

    async def apply(self, node: str, driver: KubeProxyDriver, plan: NodePlan) -> None:
        """Open and apply as the node would."""
        with self.factory.entered(self.name[node]):
            await driver.open(plan.node, plan.cluster_cidr)
            await driver.apply(plan)

    async def apply_everywhere(self, carries: str = "gw1") -> dict[str, KubeProxyDriver]:
        """Every node sends through ``carries``."""
        drivers = {node: self.driver(node) for node in NODES}
        for node, driver in drivers.items():
            await self.apply(node, driver, self.plan(node, carries))
        return drivers

    @asynccontextmanager
    async def watched(self, node: str) -> AsyncIterator[list[str]]:
        """What is written to this node's kernel meanwhile, as netlink and nft tell it.

        The list is filled at the end. ARP on other devices than the overlay is left out.
        """
        told = [self.state / f"{node}.{number}" for number in (next(_numbers), next(_numbers))]
        for file, words in zip(told, ("ip -o monitor label all", "nft monitor"), strict=True):
            self.factory.start(self.name[node], ["sh", "-c", f"exec stdbuf -oL {words} >{file}"])
        await self._mark(node, "begin", told)
        seen: list[str] = []
        yield seen
        await self._mark(node, "finish", told)
        for file in told:
            lines = file.read_text().splitlines()
            first = max(n for n, line in enumerate(lines) if "begin" in line) + 1
            last = min(n for n, line in enumerate(lines) if "finish" in line)
            seen += [line for line in lines[first:last] if _is_telling(line)]

    async def _mark(self, node: str, name: str, told: list[Path]) -> None:
        """Make and remove a device and a table until both monitors have told of it."""
        document = f"add table ip {name}\ndelete table ip {name}\n"
        async with asyncio.timeout(10):
            while not all(file.exists() and name in file.read_text() for file in told):
                self.ip(node, f"link add {name} type bridge\nlink delete {name}\n")
                self.run(node, "nft -f -", stdin=document)
                await asyncio.sleep(0.05)

    def far_sends_through(self, gateway: str) -> None:
        """What the far cluster's own gateway does."""
        index = NODES[gateway]
        for prefix in (CLUSTER, SERVICES):
            self.ip("far", f"route replace {prefix} via 172.16.{index}.1 src {FAR_POD}\n")

    def start(self, node: str, command: str) -> subprocess.Popen[str]:
        """A process in a node's namespace; it is killed after the test."""
        return self.factory.start(self.name[node], command.split())

    def note_sources(self, node: str, address: str) -> None:
        """Remember from now on who sends to this address of a node."""
        self.run(node, "nft -f -", stdin=SOURCES.replace("ADDRESS", address))

    def sources(self, node: str) -> set[str]:
        """Who has sent since :meth:`note_sources`."""
        listed = self.run(node, "nft list set ip seen sources").partition("elements")[2]
        return set(re.findall(r"\d+\.\d+\.\d+\.\d+", listed))

    def ping(self, node: str, target: str, *options: str) -> str:
        """Ping once and return what it prints; fails without a reply."""
        return self.run(node, ["ping", "-n", "-c1", "-W2", *options, target])

    async def close(self) -> None:
        for driver in self._drivers:
            await driver.close()

    # ---- building

    def _underlay(self) -> None:
        self.ip("switch", "link add br0 type bridge\nlink set br0 up\n")
        for node, index in NODES.items():
            device, port = self.factory.link(
                self.name[node], self.name["switch"], f"10.50.0.{index}/24"
            )
            self.ip(
                node, f"link set {device} down\nlink set {device} name eth0\nlink set eth0 up\n"
            )
            self.ip("switch", f"link set {port} master br0\n")
        for node, pod in PODS.items():
            index = NODES[node]
            near, far = self.factory.link(
                self.name[node], self.name[pod], f"10.1.{index}.1/24", f"10.1.{index}.2/24"
            )
            self.ip(node, f"link set {near} down\nlink set {near} name cni0\nlink set cni0 up\n")
            self.ip(pod, f"link set {far} down\nlink set {far} name eth0\nlink set eth0 up\n")
            self.ip(pod, f"route add default via 10.1.{index}.1\n")
        for node, index in NODES.items():
            self.ip(node, "route add default via 10.50.0.254\n")
            for other in set(NODES.values()) - {index}:
                self.ip(node, f"route add 10.1.{other}.0/24 via 10.50.0.{other}\n")

    def _make_hostile(self, node: str) -> None:
        for name in ("all", "default", "eth0", "cni0"):
            self.run(node, ["sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=1"])
        self.run(node, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        self.run(node, "iptables-nft-restore", stdin=HOSTILE)

    def _cables(self) -> None:
        self.ip(
            "far", "link add pods type bridge\naddr add 10.2.0.2/16 dev pods\nlink set pods up\n"
        )
        self.run("far", ["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"])
        for gateway in ("gw1", "gw2"):
            index = NODES[gateway]
            device, end = self.factory.link(
                self.name[gateway],
                self.name["far"],
                f"172.16.{index}.1/30",
                f"172.16.{index}.2/30",
            )
            self.run("far", ["sysctl", "-qw", f"net.ipv4.conf.{end}.rp_filter=0"])
            self.run(gateway, ["sysctl", "-qw", f"net.ipv4.conf.{device}.rp_filter=2"])
            self.ip(
                gateway,
                f"route add 10.2.0.0/16 via 172.16.{index}.2 table 100 src 10.1.{index}.1\n"
                "rule add iif vx-submariner lookup 100 priority 100\n"
                "rule add iif vx-submariner unreachable priority 101\n",
            )
        self.far_sends_through("gw1")


def _is_telling(line: str) -> bool:
    """Not about what marks the beginning and the end, nor about ARP on the underlay."""
    marks = r"begin|finish|# new generation|^\[NETCONF\](Deleted|inet6? if[0-9])"
    other = re.search(marks, line) or not line.strip()
    return not other and ("[NEIGH]" not in line or "vx-sub" in line)


@pytest.fixture
async def site(netns_factory, tmp_path: Path) -> AsyncIterator[Site]:
    """The site, not yet programmed."""
    site = Site(netns_factory, tmp_path)
    try:
        yield site
    finally:
        await site.close()
