from __future__ import annotations

import socket
from ipaddress import IPv4Address

import pytest
from submariner_vxlan.options import VxlanOptions

from submariner_core.api.errors import CableError
from submariner_core.api.model import ConnectionStatus

pytestmark = pytest.mark.netns


async def test_packets_pass_between_two_gateways_with_their_source_address(underlay):
    east, west = await underlay.pair()
    with underlay.netns.entered(west.namespace):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with underlay.netns.entered(east.namespace):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.settimeout(5)
        receiver.bind((str(west.pod), 0))
        sender.bind((str(east.pod), 0))
        sender.sendto(b"hello", receiver.getsockname())
        assert receiver.recvfrom(16) == (b"hello", sender.getsockname())
    east.ping(west.pod)
    west.ping(east.pod)


async def test_the_path_is_the_peers_tunnel_address(underlay):
    east, west = await underlay.pair()
    path = await east.connect(west.endpoint)
    assert (path.device, path.via, path.mtu) == (
        "vxlan-tunnel",
        IPv4Address("241.31.0.2"),
        1450,
    )


async def test_a_packet_of_full_size_passes_and_one_byte_more_does_not(underlay):
    east, west = await underlay.pair()
    east.ping(west.pod, size=1450 - 28)
    with pytest.raises(AssertionError):
        east.ping(west.pod, size=1450 - 27)


async def test_two_cables_to_one_cluster_both_pass_packets_at_once(underlay):
    east, west = await underlay.pair()
    standby = underlay.gateway("west", "172.31.0.3")
    await standby.open()
    await standby.connect(east.endpoint)
    await east.connect(standby.endpoint)
    for gateway in (west, standby):
        east.ping(gateway.pod)
        gateway.ping(east.pod)


async def test_a_move_between_two_cables_is_one_route_and_loses_nothing(underlay):
    east, west = await underlay.pair()
    standby = underlay.gateway("west", "172.31.0.3")
    await standby.open()
    await standby.connect(east.endpoint)
    path = await east.connect(standby.endpoint)
    for gateway in (west, standby):
        gateway.run("ip addr add 10.200.0.1/32 dev lo")
    for via in (IPv4Address("241.31.0.2"), path.via, IPv4Address("241.31.0.2")):
        east.run(
            *("ip", "route", "replace", "10.200.0.0/16"),
            *("via", str(via), "dev", path.device, "src", str(east.pod)),
        )
        east.ping("10.200.0.1", count=3)


async def test_a_disconnected_cable_passes_nothing_and_its_neighbour_goes_on(underlay):
    east, west = await underlay.pair()
    other = underlay.gateway("north", "172.31.0.3")
    await other.open()
    await other.connect(east.endpoint)
    await east.connect(other.endpoint)
    await east.disconnect(west.endpoint)
    await east.disconnect(west.endpoint)
    with pytest.raises(AssertionError):
        east.ping(west.pod)
    east.ping(other.pod)
    assert [state.name for state in await east.observe()] == [other.endpoint.cable_name]
    assert not any("172.31.0.2" in line for line in east.fdb())


async def test_nothing_is_flooded_between_gateways_of_ours(underlay):
    east, west = await underlay.pair()
    east.ping(west.pod)
    assert not any("00:00:00:00:00:00" in line for line in east.fdb())
    assert "02:f1:ac:1f:00:02" in east.neighbours()
    assert "PERMANENT" in east.neighbours()


async def test_gateways_that_listen_on_different_ports_reach_each_other(underlay):
    east = underlay.gateway("east", "172.31.0.1")
    west = underlay.gateway("west", "172.31.0.2", backend="wireguard")
    assert await east.open() == {"udp-port": "4500"}
    assert await west.open() == {"udp-port": "4520"}
    await east.connect(west.endpoint, port=4520)
    await west.connect(east.endpoint, port=4500)
    east.ping(west.pod)
    assert (await east.state(west.endpoint)).status is ConnectionStatus.CONNECTED


async def test_a_configured_port_stands_above_all(underlay, advertising):
    gateway = underlay.gateway("east", "172.31.0.1", VxlanOptions(port=4777))
    advertised = advertising(gateway.endpoint, {"udp-port": "4600"})
    assert await gateway.open(advertised) == {"udp-port": "4777"}


async def test_the_first_driver_listens_where_its_endpoint_says(underlay, advertising):
    gateway = underlay.gateway("east", "172.31.0.1")
    advertised = advertising(gateway.endpoint, {"udp-port": "4600"})
    assert await gateway.open(advertised) == {"udp-port": "4600"}


async def test_a_peer_that_moves_to_another_address_is_followed(underlay):
    east, west = await underlay.pair()
    west.run("ip addr add 172.31.7.7/16 dev underlay")
    await east.connect(west.endpoint, address=IPv4Address("172.31.7.7"))
    assert any("172.31.7.7" in line for line in east.fdb())
    assert not any("172.31.0.2" in line for line in east.fdb())
    east.ping(west.pod)


async def test_two_equal_tunnel_addresses_are_an_error_on_the_later_cable(underlay, endpoint):
    east, west = await underlay.pair()
    rival = endpoint("north", "10.31.0.2")
    with pytest.raises(CableError) as refusal:
        await east.connect(rival)
    assert rival.cable_name in str(refusal.value)
    assert west.endpoint.cable_name in str(refusal.value)
    assert "241.31.0.2" in str(refusal.value)
    east.ping(west.pod)
    await east.disconnect(west.endpoint)
    await east.connect(rival)


async def test_a_peer_with_our_own_tunnel_address_is_an_error(underlay, endpoint):
    east, _ = await underlay.pair()
    with pytest.raises(CableError, match=r"this gateway \(172\.31\.0\.1\)"):
        await east.connect(endpoint("north", "10.31.0.1"))


async def test_a_connect_before_open_is_an_error(underlay, endpoint):
    gateway = underlay.gateway("east", "172.31.0.1")
    with pytest.raises(CableError, match="call open first"):
        await gateway.connect(endpoint("west", "172.31.0.2"))
