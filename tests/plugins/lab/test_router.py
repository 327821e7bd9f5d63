"""A cluster behind a router that translates: what comes in, and what it looks like outside."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from submariner_lab import Lab, LabSpec
from submariner_lab.blueprint import STORE_PORT
from submariner_lab.namespaces import inside, nft

pytestmark = [pytest.mark.netns, pytest.mark.lab]


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    spec = LabSpec(nodes=2, gateways=1, nat=("west",), unforwarded=(4501,), daemons=False)
    async with Lab(spec) as lab:
        yield lab


@contextlib.contextmanager
def udp(netns: str, port: int) -> Iterator[socket.socket]:
    def made() -> socket.socket:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        one.bind(("0.0.0.0", port))
        return one

    with contextlib.closing(inside(netns, made)) as one:
        yield one


async def heard(one: socket.socket, seconds: float = 10.0) -> tuple[str, int]:
    async with asyncio.timeout(seconds):
        _, source = await asyncio.get_running_loop().sock_recvfrom(one, 100)
    return str(source[0]), int(source[1])


def test_a_router_stands_in_front_of_a_cluster_that_is() -> None:
    with pytest.raises(ValueError, match="no cluster 'north' among east, west"):
        LabSpec(nat=("north",))


async def test_a_forwarded_port_is_open_one_to_one_and_another_is_not(lab: Lab) -> None:
    east, west = (cluster.nodes[0].site for cluster in lab.clusters)
    public = str(west.public)
    allow = "add rule ip filter INPUT udp dport 4000-5000 accept"
    for site in (east, west):
        await asyncio.to_thread(nft, site.netns, allow)
    with udp(east.netns, 4500) as sender, udp(west.netns, 4507) as receiver:
        sender.sendto(b"in", (public, 4507))
        assert await heard(receiver) == (str(east.address), 4500)
        receiver.sendto(b"back", (str(east.address), 4500))
        assert await heard(sender) == (public, 4507)
    with udp(east.netns, 4500) as sender, udp(west.netns, 4501) as receiver:
        sender.sendto(b"in", (public, 4501))
        with pytest.raises(TimeoutError):
            await heard(receiver, 0.3)
        lab.routers[0].forward()
        sender.sendto(b"in", (public, 4501))
        assert await heard(receiver) == (str(east.address), 4500)


async def test_a_flow_out_keeps_its_port_only_where_that_is_forwarded(lab: Lab) -> None:
    east, west = (cluster.nodes[0].site for cluster in lab.clusters)
    await asyncio.to_thread(nft, east.netns, "add rule ip filter INPUT udp dport 4000 accept")
    with udp(east.netns, 4000) as receiver:
        for port, kept in ((4500, True), (4501, False)):
            with udp(west.netns, port) as sender:
                sender.sendto(b"out", (str(east.address), 4000))
                address, seen = await heard(receiver)
                assert (address == str(west.public), seen == port) == (kept, kept)


async def test_the_stores_are_reached_and_the_nodes_are_not(lab: Lab) -> None:
    east, west = lab.clusters
    broker, hidden = lab.broker.site.address, west.nodes[1].site.address
    await lab.until(lambda: connects(west.nodes[1].site.netns, str(broker), STORE_PORT))
    assert not await connects(east.nodes[1].site.netns, str(hidden), 22)


async def connects(netns: str, address: str, port: int) -> bool:
    def attempt() -> bool:
        with contextlib.suppress(OSError), socket.create_connection((address, port), 2.0):
            return True
        return False

    return await asyncio.to_thread(inside, netns, attempt)
