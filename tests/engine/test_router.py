"""The router against the kernel of a namespace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from submariner_core.api.cable import Path
from submariner_core.api.network import Route, RouteType
from submariner_core.engine import router as room
from submariner_core.engine.events import Routed
from submariner_core.engine.router import Router, Wish
from submariner_core.kernel import Kernel
from submariner_core.reconcile.routing import (
    CABLE_TABLE,
    ClusterRouting,
    ProbePath,
    least_mtu,
    nexthop_ids,
    routing,
)

pytestmark = pytest.mark.netns

OWN = IPv4Address("10.1.1.1")
FIRST, SECOND = (Path("cable0", IPv4Address(f"241.0.0.{n}"), 1400) for n in (2, 3))
WEST = IPv4Network("10.2.0.0/16")


def wish(*clusters: ClusterRouting, **carriers: str) -> Wish:
    wanted = routing(clusters, OWN, {"cable0"})
    return Wish(wanted, carriers, nexthop_ids([one.cluster_id for one in clusters]))


def west(carries: Path | None = FIRST, cluster_id: str = "west", **more: object) -> ClusterRouting:
    return ClusterRouting(cluster_id, (WEST,), carries, **more)


def north(path: Path) -> ClusterRouting:
    return ClusterRouting("north", (IPv4Network("10.3.0.0/16"),), path)


@dataclass
class Node:
    """A node with a cable device, and a router at work on it."""

    name: str
    ip: Callable[..., str]
    said: list[Routed] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def routed(self, *wishes: Wish) -> AsyncIterator[Router]:
        """A process with this wish, once it has said that it is so (or not)."""
        async with Kernel() as kernel:
            router = Router(kernel, self.said.append)
            task = asyncio.create_task(router.run())
            try:
                for one in wishes:
                    self.said.clear()
                    router.want(one)
                    await until(lambda: self.said)
                yield router
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def ways(self, table: int = CABLE_TABLE) -> dict[str, str]:
        """Destination to the rest of the line, as ``ip route`` prints it."""
        found = {}
        for line in self.ip("route", "show", "table", str(table)).splitlines():
            words = line.split()
            kind = [words.pop(0)] if words[0] == "unreachable" else []
            found[words[0]] = " ".join([*kind, *words[1:]])
        return found


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.005)


@pytest.fixture
def node(netns: str, netns_factory) -> Node:
    def ip(*words: str) -> str:
        return netns_factory.run(netns, ["ip", *words])

    ip("link", "add", "cable0", "type", "bridge")
    ip("addr", "add", "241.0.0.1/8", "dev", "cable0")
    ip("addr", "add", f"{OWN}/32", "dev", "lo")
    ip("link", "set", "cable0", "up")
    return Node(netns, ip)


async def test_a_wish_is_carried_out_and_told(node: Node) -> None:
    async with node.routed(wish(west(), west="cable-a")) as router:
        assert node.said == [Routed({"west": "cable-a"})]
        assert "via 241.0.0.2 dev cable0" in node.ways()["10.2.0.0/16"]
        assert f"src {OWN}" in node.ways()["10.2.0.0/16"]
        assert "from all iif vx-submariner [detached] lookup 100" in node.ip("rule")
        assert router.written > 0


async def test_a_restart_with_the_same_wish_writes_nothing(node: Node) -> None:
    """Never again 7: a restart that recreates anything or loses routes."""
    probes = (ProbePath(IPv4Address("10.2.1.1"), SECOND),)
    same = wish(west(probes=probes), north(SECOND), west="a", north="b")
    async with node.routed(same):
        pass
    before = node.ip("-d", "route", "show", "table", "all") + node.ip("-d", "nexthop")
    async with node.routed(same) as router:
        assert router.written == 0
        assert node.said == [Routed({"west": "a", "north": "b"})]
    assert node.ip("-d", "route", "show", "table", "all") + node.ip("-d", "nexthop") == before


async def test_routes_of_a_version_that_set_no_mtu_are_replaced_once(node: Node) -> None:
    async with node.routed(wish(west(), west="a")):
        pass
    newer = wish(west(mtu=1380), west="a")
    for written in (1, 0):
        async with node.routed(newer) as router:
            assert router.written == written
            assert "mtu 1380" in node.ways()["10.2.0.0/16"]


async def test_the_largest_mtu_is_kept_as_it_is_wanted(node: Node) -> None:
    large = wish(west(mtu=least_mtu([replace(FIRST, mtu=65536)])), west="a")
    for written in (True, False):
        async with node.routed(large) as router:
            assert bool(router.written) is written


async def test_a_pod_whose_packet_is_too_big_is_told_what_fits(node: Node, netns_factory) -> None:
    """Though the cable's device would take more: the way to the remote has less room."""
    pod = netns_factory.create("pod")
    inside, outside = netns_factory.link(pod, node.name, "10.1.9.2/24", "10.1.9.1/24")
    node.ip("link", "set", outside, "down")
    node.ip("link", "set", outside, "name", "vx-submariner")
    node.ip("link", "set", "vx-submariner", "up")
    netns_factory.run(pod, f"ip route add default via 10.1.9.1 dev {inside}".split())
    netns_factory.run(node.name, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    large = ["ping", "-c1", "-W1", "-Mdo", "-s1200", "10.2.0.1"]
    async with node.routed(wish(west(mtu=1220), west="a")):
        with pytest.raises(AssertionError, match=r"Frag needed .*mtu = 1220"):
            netns_factory.run(pod, large)
        assert "mtu 1220" in netns_factory.run(pod, "ip route get 10.2.0.1")


async def test_what_is_left_to_be_taken_over_is_not_written_again(node: Node) -> None:
    """Never again 7: a restart takes one cable over after the other, and touches no route."""
    whole = wish(west(), north(SECOND), west="a", north="b")
    async with node.routed(whole):
        pass
    partly = wish(west(None, left=(WEST,)), north(SECOND), north="b")
    async with node.routed(partly) as router:
        assert "via 241.0.0.2" in node.ways()["10.2.0.0/16"]
        router.want(whole)
        await until(lambda: node.said[-1] == Routed(whole.carriers))
        assert router.written == 0


async def test_what_is_not_ours_stays(node: Node) -> None:
    """Never again 11: removal of what is not ours."""
    node.ip("route", "add", "198.51.100.0/24", "via", "241.0.0.9", "table", "77")
    node.ip("route", "add", "198.51.101.0/24", "via", "241.0.0.9")
    node.ip("nexthop", "add", "id", "12", "via", "241.0.0.9", "dev", "cable0")
    node.ip("rule", "add", "from", "198.51.100.1", "lookup", "77", "prio", "100")
    node.ip("rule", "add", "iif", "lo", "lookup", "77", "prio", "99")
    foreign = node.ip("rule"), node.ip("route"), node.ip("nexthop")
    async with node.routed(wish(west(), west="a"), wish()):
        assert node.ways() == {}
    for line in foreign[0].splitlines():
        assert line in node.ip("rule")
    assert foreign[1:] == (node.ip("route"), node.ip("nexthop"))
    assert "198.51.100.0/24" in node.ways(77)


async def test_upstreams_rule_for_all_traffic_is_replaced(node: Node) -> None:
    node.ip("rule", "add", "from", "all", "lookup", "100", "prio", "100")
    async with node.routed(wish(west(), west="a")):
        assert "from all lookup 100" not in node.ip("rule")
        assert "from all iif vx-submariner [detached] lookup 100" in node.ip("rule")


async def test_a_move_is_one_write_and_the_old_way_stays_until_then(node: Node) -> None:
    """Never again 2: the new gateway's routes removed by the old endpoint's late delete."""
    async with node.routed(wish(west(FIRST), west="a")) as router:
        before = router.written
        node.said.clear()
        router.want(wish(west(SECOND), west="b"))
        await until(lambda: node.said)
        assert router.written == before + 1
        assert node.said == [Routed({"west": "b"})]
        assert "via 241.0.0.3" in node.ways()["10.2.0.0/16"]


async def test_a_cluster_without_a_cable_is_unreachable_until_it_is_gone(node: Node) -> None:
    """Never again 9: routes of clusters that are long gone."""
    async with node.routed(wish(west(FIRST), west="a"), wish(west(None))) as router:
        assert node.ways()["10.2.0.0/16"].startswith("unreachable")
        router.want(wish())
        await until(lambda: node.ways() == {} and node.ip("nexthop") == "")


async def test_changed_subnets_of_a_cluster_are_installed(node: Node) -> None:
    """Never again 18: a change of an endpoint's subnets that is never installed."""
    more = ClusterRouting("west", (IPv4Network("10.7.0.0/16"),), FIRST)
    async with node.routed(wish(west(), west="a")) as router:
        router.want(wish(more, west="a"))
        await until(lambda: set(node.ways()) == {"10.7.0.0/16"})


async def test_what_a_link_took_away_is_put_back_after_a_doubt(node: Node) -> None:
    """Never again 7: link down silently deletes nexthops and their routes."""
    async with node.routed(wish(west(), west="a")) as router:
        whole = node.ways()
        node.ip("link", "set", "cable0", "down")
        assert "10.2.0.0/16" not in node.ways()
        node.ip("link", "set", "cable0", "up")
        router.doubt()
        await until(lambda: node.ways() == whole)


async def test_a_doubt_in_the_midst_of_a_change_is_not_forgotten(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node.routed(wish(west(), west="a")) as router:
        real = router._do

        async def interrupted(change: object) -> None:
            await real(change)
            monkeypatch.setattr(router, "_do", real)
            node.ip("link", "set", "cable0", "down")
            node.ip("link", "set", "cable0", "up")
            router.doubt()

        monkeypatch.setattr(router, "_do", interrupted)
        router.want(wish(west(SECOND), west="b"))
        await until(lambda: "via 241.0.0.3" in node.ways().get("10.2.0.0/16", ""))


async def test_doubts_that_come_to_nothing_are_not_told(node: Node) -> None:
    """Never again 14: each of our own writes echoes; a decision for each would never end."""
    async with node.routed(wish(west(), west="a")) as router:
        for _ in range(3):
            router.doubt()
            await asyncio.sleep(0.3)
        assert node.said == [Routed({"west": "a"})]


async def test_one_cluster_that_the_kernel_refuses_delays_no_other(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never again 8: one remote that delays all others; it is said, and tried again."""
    monkeypatch.setattr(room, "BACKOFF", (0.05, 0.05))
    gone = Path("cable1", IPv4Address("242.0.0.2"), 1400)
    both = wish(west(gone, "a-west"), north(SECOND), **{"a-west": "x", "north": "y"})
    async with node.routed(both):
        assert node.said[0].carriers == {"north": "y"}
        assert "cable1" in node.said[0].reason
        assert "via 241.0.0.3" in node.ways()["10.3.0.0/16"]
        node.ip("link", "add", "cable1", "type", "bridge")
        node.ip("addr", "add", "242.0.0.1/8", "dev", "cable1")
        node.ip("link", "set", "cable1", "up")
        await until(lambda: node.said[-1] == Routed({"a-west": "x", "north": "y"}))
        assert "via 242.0.0.2" in node.ways()["10.2.0.0/16"]


async def test_what_could_not_be_moved_keeps_its_old_way(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A route that does not turn ``unreachable`` must not vanish with its nexthop and leak."""
    async with node.routed(wish(west(FIRST), west="a")) as router:
        real = router._do

        async def refusing(change: room.Change) -> None:
            if isinstance(change.thing, Route) and change.thing.type is RouteType.UNREACHABLE:
                raise room.KernelError("route", "replace", 105)
            await real(change)

        monkeypatch.setattr(router, "_do", refusing)
        node.said.clear()
        router.want(wish(west(None)))
        await until(lambda: node.said and node.said[-1].reason)
        assert "10.2.0.0/16" in node.ways()
        monkeypatch.setattr(router, "_do", real)
        await until(lambda: node.ways()["10.2.0.0/16"].startswith("unreachable"))
