"""A translated connection moves from one router to another and goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from submariner_core.api.flow import TCP, UDP, Flow, FlowState, Way
from submariner_core.kernel import KernelError, conntrack
from tests.conftest import Namespaces

pytestmark = pytest.mark.netns

CLIENT, SERVER, OTHER = "10.9.0.2", "10.8.0.2", "10.8.0.3"
SERVICE, PORT, BACKEND_PORT = "100.2.0.10", 80, 7000
LOOSE = ("all", "default")
"""Answers come from another device than questions leave by while only one end has moved."""
SERVICES = IPv4Network("100.2.0.0/16")
FILTER = f"""
table ip t {{
    chain services {{
        type nat hook prerouting priority dstnat;
        ip daddr {SERVICE} meta l4proto {{ tcp, udp }} dnat to {SERVER}:{BACKEND_PORT}
    }}
    chain judge {{
        type filter hook forward priority filter;
        ct state invalid drop
    }}
}}
"""


@dataclass
class Site:
    """A client and a server, each with a link to both of two routers."""

    namespaces: Namespaces
    client: str
    server: str
    routers: tuple[str, str]

    def send_through(self, router: int, *ends: str) -> None:
        """From these ends (``client``, ``server``) packets take the way through this router."""
        for end in ends:
            name, target = (
                (self.client, "default") if end == "client" else (self.server, f"{CLIENT}/32")
            )
            net, src = (91, CLIENT) if end == "client" else (92, SERVER)
            via = f"10.{net}.{router}.2"
            self.namespaces.run(name, f"ip route replace {target} via {via} src {src}")

    async def flows(self, router: int) -> tuple[Flow, ...]:
        with self.namespaces.entered(self.routers[router]):
            return await conntrack.answered((SERVICES,))

    async def restore(self, router: int, *flows: Flow) -> tuple[Flow, ...]:
        with self.namespaces.entered(self.routers[router]):
            return await conntrack.restore(flows)

    def socket(self, where: str, kind: socket.SocketKind, address: str) -> socket.socket:
        with self.namespaces.entered(where):
            made = socket.socket(socket.AF_INET, kind)
        made.settimeout(5)
        made.bind((address, 0 if where == self.client else BACKEND_PORT))
        return made

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """A connection to the service: the client's end, and the server's."""
        with self.socket(self.server, socket.SOCK_STREAM, SERVER) as listening:
            listening.listen()
            here = self.socket(self.client, socket.SOCK_STREAM, CLIENT)
            here.connect((SERVICE, PORT))
            there, _ = listening.accept()
        there.settimeout(5)
        return here, there


@pytest.fixture
def site(netns_factory: Namespaces) -> Site:
    make = netns_factory
    names = [make.create(name) for name in ("client", "server", "router0", "router1")]
    client, server, *routers = names
    made = Site(make, client, server, (routers[0], routers[1]))
    for end, address in ((client, CLIENT), (server, SERVER), (server, OTHER)):
        make.run(end, f"ip addr add {address}/32 dev lo")
        make.run(end, ["sysctl", "-qw", *(f"net.ipv4.conf.{n}.rp_filter=0" for n in LOOSE)])
    for number, router in enumerate(routers):
        for net, end, address in ((91, client, CLIENT), (92, server, SERVER)):
            link = f"10.{net}.{number}"
            make.link(end, router, f"{link}.1/30", f"{link}.2/30")
            make.run(router, f"ip route add {address}/32 via {link}.1")
        make.run(router, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        make.run(router, "nft -f -", stdin=FILTER)
    # the one that is left sees half of the connection, as every gateway does during a move
    liberal = "net.netfilter.nf_conntrack_tcp_be_liberal=1"
    make.run(routers[0], ["sysctl", "-qw", liberal])
    made.send_through(0, "client", "server")
    return made


@pytest.fixture
def connection(site: Site) -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = site.connect()
    with here, there:
        exchange(here, there)
        yield here, there


def exchange(here: socket.socket, there: socket.socket, times: int = 20) -> None:
    """Both ends speak, and are heard."""
    for _ in range(times):
        for one, other in ((here, there), (there, here)):
            one.sendall(b"0123456789")
            assert other.recv(10, socket.MSG_WAITALL) == b"0123456789"


async def test_an_established_connection_is_listed_with_both_its_ways(site, connection) -> None:
    port = connection[0].getsockname()[1]
    (flow,) = await site.flows(0)
    client, server = IPv4Address(CLIENT), IPv4Address(SERVER)
    assert flow.forth == Way(client, port, IPv4Address(SERVICE), PORT)
    assert flow.back == Way(server, BACKEND_PORT, client, port)
    assert (flow.protocol, flow.state) == (TCP, FlowState.ESTABLISHED)
    assert flow.left > 60


async def test_other_destinations_are_not_listed(site, connection) -> None:
    with site.namespaces.entered(site.routers[0]):
        assert await conntrack.answered((IPv4Network("100.3.0.0/16"),)) == ()
        assert await conntrack.answered((IPv4Network("100.2.0.0/29"),)) == ()
        assert len(await conntrack.answered((IPv4Network("100.2.0.8/29"),))) == 1


async def test_a_connection_that_ended_is_not_listed(site) -> None:
    here, there = site.connect()
    exchange(here, there)
    for end in (here, there):
        end.close()
    assert await site.flows(0) == ()


@pytest.mark.parametrize("first", ["client", "server"])
async def test_a_connection_goes_on_through_a_router_that_was_told(
    site, connection, first: str
) -> None:
    """Whichever end moves first, and over the drop of what the kernel calls invalid."""
    assert await site.restore(1, *await site.flows(0)) == ()
    site.send_through(1, first)
    exchange(*connection)
    site.send_through(1, "client", "server")
    exchange(*connection, times=200)
    (flow,) = await site.flows(1)
    assert flow.left > 60


async def test_a_router_that_was_not_told_does_not_carry_it_on(site, connection) -> None:
    here, there = connection
    here.sendall(b"!")  # and with it, any acknowledgement that was owed
    assert there.recv(1) == b"!"
    site.send_through(1, "server", "client")
    there.sendall(b"0123456789")
    with pytest.raises((ConnectionResetError, TimeoutError)):
        there.recv(1)


async def test_what_a_router_was_told_it_tells_again(site, connection) -> None:
    (flow,) = await site.flows(0)
    await site.restore(1, flow)
    (told,) = await site.flows(1)
    assert replace(told, left=0) == replace(flow, left=0)
    assert flow.left - 5 <= told.left <= flow.left


async def test_datagrams_go_on_too(site) -> None:
    here = site.socket(site.client, socket.SOCK_DGRAM, CLIENT)
    there = site.socket(site.server, socket.SOCK_DGRAM, SERVER)
    with here, there:
        here.connect((SERVICE, PORT))
        here.send(b"?")
        sender = there.recvfrom(1)[1]
        there.sendto(b"!", sender)
        assert here.recv(1) == b"!"
        (flow,) = await site.flows(0)
        assert (flow.protocol, flow.state) == (UDP, FlowState.NONE)
        await site.restore(1, flow)
        site.send_through(1, "server")
        there.sendto(b"!", sender)
        assert here.recv(1) == b"!"


async def test_an_older_entry_of_the_same_client_is_replaced(site, connection) -> None:
    (flow,) = await site.flows(0)
    stale = replace(flow, back=replace(flow.back, source=IPv4Address(OTHER)))
    assert await site.restore(1, stale) == ()
    assert await site.restore(1, flow) == ()
    (told,) = await site.flows(1)
    assert told.back.source == IPv4Address(SERVER)
    site.send_through(1, "server", "client")
    exchange(*connection)


async def test_a_source_that_is_translated_too_stays_so(site, connection) -> None:
    (flow,) = await site.flows(0)
    hidden = replace(flow, back=replace(flow.back, destination=IPv4Address("10.92.1.2")))
    await site.restore(1, hidden)
    (told,) = await site.flows(1)
    assert told.back == hidden.back


async def test_a_flow_whose_answers_are_another_entrys_is_refused(site, connection) -> None:
    (flow,) = await site.flows(0)
    elsewhere = replace(flow.forth, destination=IPv4Address("100.2.0.11"))
    assert await site.restore(1, flow) == ()
    second = replace(flow, forth=elsewhere)
    assert await site.restore(1, second, flow) == (second,)
    assert [one.forth for one in await site.flows(1)] == [flow.forth]


async def test_a_process_without_the_right_is_told_so(site, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(conntrack, "AsyncNFCTSocket", refuse)
    with pytest.raises(KernelError, match="CAP_NET_ADMIN"):
        await site.flows(0)
