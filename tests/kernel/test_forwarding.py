"""What the kernel does with packets when told so: three namespaces, a router in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import pytest

from submariner_core.kernel import Kernel, Nexthop, Route, RouteType, Rule, nft, sysctl
from submariner_core.kernel import expressions as x

pytestmark = pytest.mark.netns

PODS, REMOTE = IPv4Network("10.1.0.0/24"), IPv4Network("10.2.0.0/24")
SERVER = IPv4Address("10.2.0.2")


@dataclass(frozen=True, slots=True)
class Lan:
    """A client at 10.1.0.2, a server at 10.2.0.2, and the devices of the router between."""

    client: str
    server: str
    inner: str
    outer: str


@pytest.fixture
def lan(netns, netns_factory) -> Iterator[Lan]:
    client, server = netns_factory.create("client"), netns_factory.create("server")
    inner, _ = netns_factory.link(netns, client, "10.1.0.1/24", "10.1.0.2/24")
    outer, _ = netns_factory.link(netns, server, "10.2.0.1/24", "10.2.0.2/24")
    for namespace, via in ((client, "10.1.0.1"), (server, "10.2.0.1")):
        netns_factory.run(namespace, f"ip route add default via {via}")
    sysctl.ensure("net.ipv4.ip_forward", "1")
    return Lan(client, server, inner, outer)


@pytest.fixture
def ping(lan, netns_factory):
    """Ping the server from the client; returns what ping says."""

    def run() -> str:
        command = f"ping -n -c 1 -W 1 {SERVER} || true"
        return netns_factory.run(lan.client, ["sh", "-c", command])

    return run


async def seen_by_server(lan: Lan, netns_factory) -> int:
    """Echo requests that reached the server with the client's own source."""
    with netns_factory.entered(lan.server):
        return (await nft.counters("inet", "seen"))["original"][0]


@pytest.fixture
async def counting(lan, netns_factory) -> None:
    with netns_factory.entered(lan.server):
        chain = x.base_chain("in", "filter", "input", x.FILTER)
        rule = x.rule("in", x.source(PODS), x.count("original"))
        await nft.replace_table("inet", "seen", [x.named_counter("original"), chain, rule])


async def masquerade() -> None:
    """As kube-proxy and most CNIs do with what leaves the cluster."""
    everything = {"masquerade": None}
    chain = x.base_chain("post", "nat", "postrouting", x.SOURCE_NAT)
    await nft.replace_table("ip", "cni", [chain, x.rule("post", everything)])


async def test_an_identity_translation_keeps_the_source_from_being_masqueraded(
    lan, counting, ping, netns_factory
):
    await masquerade()
    assert "1 received" in ping()
    assert await seen_by_server(lan, netns_factory) == 0

    chain = x.base_chain("post", "nat", "postrouting", x.SOURCE_NAT - 10)
    ours = [chain, x.rule("post", x.destination(REMOTE), x.keep_source([PODS]))]
    await nft.replace_table("inet", "submariner-test", ours)

    assert "1 received" in ping()
    assert await seen_by_server(lan, netns_factory) == 1


async def test_an_accept_does_not_keep_it(lan, counting, ping, netns_factory):
    await masquerade()
    chain = x.base_chain("post", "nat", "postrouting", x.SOURCE_NAT - 10)
    await nft.replace_table("inet", "submariner-test", [chain, x.rule("post", x.accept())])

    assert "1 received" in ping()
    assert await seen_by_server(lan, netns_factory) == 0


async def test_what_arrives_by_a_device_is_bounded_by_its_own_table(lan, ping):
    async with Kernel() as kernel:
        assert "1 received" in ping()

        await kernel.routes.ensure(Route(REMOTE, 101, type=RouteType.UNREACHABLE))
        await kernel.rules.ensure(Rule(99, 101, incoming=lan.inner))

        assert "Destination Host Unreachable" in ping()
        assert (await kernel.routes.lookup(SERVER)).device == lan.outer


async def test_a_route_through_a_nexthop_object_carries_and_a_blackhole_does_not(lan, ping):
    async with Kernel() as kernel:
        await kernel.nexthops.ensure(Nexthop(9, lan.outer, SERVER))
        await kernel.routes.ensure(Route(REMOTE, 100, nexthop=9))
        await kernel.rules.ensure(Rule(100, 100, incoming=lan.inner))
        assert "1 received" in ping()

        await kernel.nexthops.ensure(Nexthop(9, None))
        assert "0 received" in ping()

        await kernel.nexthops.ensure(Nexthop(9, lan.outer, SERVER))
        assert "1 received" in ping()


async def test_an_accept_in_our_table_does_not_overrule_a_drop_elsewhere(lan, ping):
    chain = x.base_chain("forward", "filter", "forward", x.FILTER)
    await nft.replace_table("inet", "theirs", [chain, x.rule("forward", x.drop())])
    first = x.base_chain("forward", "filter", "forward", x.FILTER - 10)
    await nft.replace_table("inet", "submariner-test", [first, x.rule("forward", x.accept())])
    assert "0 received" in ping()

    permit = [x.source(PODS), x.destination(REMOTE), x.accept()]
    answer = [x.source(REMOTE), x.destination(PODS), x.accept()]
    theirs = ("inet", "theirs", "forward")
    await nft.ensure_first_rules(*theirs, [permit, answer], "submariner forward")

    assert "1 received" in ping()
