"""Two gateways' NAT discovery over a real network, a NAT between them, and hostile packets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from submariner_core.api.model import Endpoint
from submariner_core.daemon.clock import boot_clock
from submariner_core.engine import nat_discovery as room
from submariner_core.engine.events import Discovered
from submariner_core.engine.nat_discovery import NatDiscovery
from submariner_core.observe.nat_discovery.wire import decode, encode
from submariner_core.reconcile.nat_discovery import Peer, Way
from submariner_core.reconcile.nat_messages import Party, Place, Request, Response, Verdict
from tests.reconcile.objects import endpoint

pytestmark = pytest.mark.netns

PORT = 4490
EAST, WEST, PUBLIC = "192.0.2.1", "10.0.0.2", "203.0.113.1"


def gateway(cluster: str, address: str, public: str | None = None) -> Endpoint:
    spec = endpoint(cluster, 1, private_ip=IPv4Address(address))
    return replace(spec, public_ip=IPv4Address(public) if public else None)


def peer(spec: Endpoint, **fields: object) -> Peer:
    known = Peer(
        spec.cable_name, spec.cluster_id, spec.private_ip, spec.public_ip, PORT, ours=True
    )
    return replace(known, **fields)


@dataclass
class Side:
    """One gateway's discovery, in a namespace of its own."""

    own: Endpoint
    folder: Path
    told: list[Discovered] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.discovery = NatDiscovery(
            PORT, lambda: self.own, self._post, boot_clock, self.folder / "nat.json"
        )

    def _post(self, event: Discovered) -> None:
        self.told.append(event)
        self.news.set()

    async def until(self, condition: Callable[[Discovered], bool]) -> Discovered:
        async with asyncio.timeout(20):
            while not (self.told and condition(self.told[-1])):
                self.news.clear()
                await self.news.wait()
        return self.told[-1]


@contextlib.asynccontextmanager
async def running(netns_factory, *sides: tuple[Side, str]):
    tasks = []
    for side, namespace in sides:
        with netns_factory.entered(namespace):
            tasks.append(asyncio.create_task(side.discovery.run()))
            await side.until(lambda _: True)  # told what it remembers, before its socket opens
            await asyncio.sleep(0)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Net:
    """East on the underlay; west behind a router that has a public address for it."""

    east: str
    west: str
    router: str


@pytest.fixture
def net(netns_factory, monkeypatch) -> Iterator[Net]:
    east, router, west = (netns_factory.create(name) for name in ("east", "router", "west"))
    netns_factory.link(east, router, f"{EAST}/24", "192.0.2.254/24")
    netns_factory.link(router, west, "10.0.0.254/24", f"{WEST}/24")
    netns_factory.run(router, "sysctl -qw net.ipv4.ip_forward=1")
    netns_factory.run(east, "ip route add default via 192.0.2.254")
    netns_factory.run(west, "ip route add default via 10.0.0.254")
    # asked in the thread's own namespace, which is neither
    monkeypatch.setattr(room, "source_towards", lambda to: WEST if to == EAST else EAST)
    return Net(east, west, router)


def translate(netns_factory, net: Net) -> None:
    """West has a public address and no other way in."""
    netns_factory.run(net.router, f"ip addr add {PUBLIC}/32 dev lo")
    rules = f"""
    table ip nat {{
        chain pre {{ type nat hook prerouting priority dstnat; ip daddr {PUBLIC} dnat to {WEST}; }}
        chain post {{ type nat hook postrouting priority srcnat;
            ip saddr {WEST} snat to {PUBLIC}; }}
    }}
    table ip filter {{
        chain forward {{ type filter hook forward priority filter;
            ip daddr {WEST} ct status & dnat == 0 ct state new drop; }}
    }}"""
    netns_factory.run(net.router, ["nft", "-f", "-"], stdin=rules)


async def test_without_a_nat_both_find_each_other_at_the_private_address(
    net, netns_factory, tmp_path
) -> None:
    east = Side(gateway("east", EAST), tmp_path)
    (tmp_path / "west").mkdir()
    west = Side(gateway("west", WEST, PUBLIC), tmp_path / "west")
    async with running(netns_factory, (east, net.east), (west, net.west)):
        east.discovery.set_peers({west.own.cable_name: peer(west.own)})
        west.discovery.set_peers({east.own.cable_name: peer(east.own)})
        found = await east.until(lambda told: bool(told.ways))
        assert found.ways == {west.own.cable_name: Way(False, False)}
        found = await west.until(lambda told: bool(told.ways))
        assert found.ways == {east.own.cable_name: Way(False, False)}


async def test_who_is_behind_a_nat_is_found_at_its_public_address(
    net, netns_factory, tmp_path
) -> None:
    translate(netns_factory, net)
    east = Side(gateway("east", EAST), tmp_path)
    (tmp_path / "west").mkdir()
    west = Side(gateway("west", WEST, PUBLIC), tmp_path / "west")
    async with running(netns_factory, (east, net.east), (west, net.west)):
        east.discovery.set_peers({west.own.cable_name: peer(west.own)})
        west.discovery.set_peers({east.own.cable_name: peer(east.own)})
        assert (await east.until(lambda told: bool(told.ways))).ways == {
            west.own.cable_name: Way(public=True, nat=True)
        }
        assert (await west.until(lambda told: bool(told.ways))).ways == {
            east.own.cable_name: Way(public=False, nat=True)
        }


async def test_a_newer_upstream_peer_is_found_by_its_own_form_of_id(
    net, netns_factory, tmp_path
) -> None:
    side, remote = Side(gateway("east", EAST), tmp_path), gateway("west", WEST)
    async with running(netns_factory, (side, net.east)), asyncio.timeout(20):
        with netns_factory.entered(net.west):
            upstream = udp(PORT)
        with contextlib.closing(upstream):
            side.discovery.set_peers({remote.cable_name: peer(remote, ours=False)})
            while not side.told[-1].ways:
                data, source = await receive(upstream)
                request = decode(data)
                assert isinstance(request, Request)
                asked = request.receiver
                known = asked.endpoint_id == remote.cable_name + "-v4"
                verdict = Verdict.OK if known else Verdict.UNKNOWN_ENDPOINT
                me = Party("west", remote.cable_name + "-v4")
                answered = Response(request.number, verdict, me, request.sender, Place(*source))
                upstream.sendto(encode(answered), source)
        assert side.told[-1].ways == {remote.cable_name: Way(False, False)}


async def test_hostile_datagrams_stop_nothing(net, netns_factory, tmp_path) -> None:
    side = Side(gateway("east", EAST), tmp_path)
    async with running(netns_factory, (side, net.east)), asyncio.timeout(20):
        with netns_factory.entered(net.west):
            stranger = udp(0)
        with contextlib.closing(stranger):
            lonely = Response(1, 0, None, None, None)
            for data in (b"", b"\xff" * 1400, b"\x1a\x00", b"\x12\x00", encode(lonely)):
                stranger.sendto(data, (EAST, PORT))
            asked = Request(
                9,
                Party("west", "whoever"),
                Party("east", side.own.cable_name),
                Place(WEST, stranger.getsockname()[1]),
                Place(EAST, PORT),
            )
            stranger.sendto(encode(asked), (EAST, PORT))
            answers = [decode((await receive(stranger))[0]) for _ in range(2)]
        assert [one.verdict for one in answers] == [Verdict.MALFORMED, Verdict.OK]
        assert answers[1].received_from.address == WEST


async def test_what_was_found_outlives_the_process(net, netns_factory, tmp_path) -> None:
    (tmp_path / "west").mkdir()
    remote = Side(gateway("west", WEST), tmp_path / "west")
    first = Side(gateway("east", EAST), tmp_path)
    async with running(netns_factory, (first, net.east), (remote, net.west)):
        first.discovery.set_peers({remote.own.cable_name: peer(remote.own)})
        await first.until(lambda told: bool(told.ways))
    second = Side(gateway("east", EAST), tmp_path)
    async with running(netns_factory, (second, net.east)):
        assert second.told[0].ways == {remote.own.cable_name: Way(False, False)}


async def test_a_file_that_cannot_be_read_is_as_good_as_none(net, netns_factory, tmp_path) -> None:
    (tmp_path / "nat.json").write_text('{"west": 7}')
    side = Side(gateway("east", EAST), tmp_path)
    async with running(netns_factory, (side, net.east)):
        assert side.told[0].ways == {}


async def test_a_port_in_use_is_named_and_stops_nothing(net, netns_factory, tmp_path) -> None:
    with netns_factory.entered(net.east):
        taken = udp(PORT)
    side = Side(gateway("east", EAST), tmp_path)
    with contextlib.closing(taken):
        async with running(netns_factory, (side, net.east)):
            told = await side.until(lambda told: bool(told.problem))
            assert f"UDP port {PORT}" in told.problem


def udp(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    made.bind(("0.0.0.0", port))
    return made


async def receive(one: socket.socket) -> tuple[bytes, tuple[str, int]]:
    return await asyncio.get_running_loop().sock_recvfrom(one, 2048)
