"""Cables between real devices of both implementations."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import itertools
import socket
from ipaddress import ip_network

import pytest

from submariner_core.api.errors import CableError
from submariner_core.api.model import ConnectionStatus

pytestmark = pytest.mark.netns


async def test_pods_reach_pods_with_their_own_address(underlay) -> None:
    east, west = await underlay.pair()
    east.ping(west.pods[0])
    west.ping(east.pods[0])
    state = await east.connected(west.endpoint)
    assert state.message.startswith(f"{underlay.implementation}: handshake")
    assert state.rx_bytes > 0
    assert state.tx_bytes > 0


async def test_what_is_advertised_is_what_upstream_reads(underlay) -> None:
    east, _ = await underlay.pair()
    assert set(east.endpoint.backend_config) == {"publicKey", "udp-port", "interface-name"}
    assert east.endpoint.backend_config["udp-port"] == "4500"
    assert (
        east.wg("show", "submariner", "public-key").strip()
        == (east.endpoint.backend_config["publicKey"])
    )
    assert east.wg("show", "submariner", "listen-port").strip() == "4500"
    assert east.wg("show", "submariner", "persistent-keepalive").split()[1] == "10"


async def test_the_status_tells_that_there_was_no_handshake(underlay) -> None:
    east, west = underlay.gateway("east", "172.31.0.1"), underlay.gateway("west", "172.31.0.2")
    await east.open()
    await west.open()
    await east.connect(west.endpoint)
    state = await east.state(west.endpoint)
    assert state.status is ConnectionStatus.CONNECTING
    assert "172.31.0.2:4500" in state.message


async def test_another_psk_makes_no_handshake(underlay) -> None:
    east = underlay.gateway("east", "172.31.0.1")
    west = underlay.gateway("west", "172.31.0.2", psk="another secret")
    await underlay.join(east, west)
    with pytest.raises(AssertionError):
        east.ping(west.pods[0])
    assert (await east.state(west.endpoint)).status is ConnectionStatus.CONNECTING


async def test_two_gateways_of_a_cluster_accept_all_its_prefixes_at_once(underlay) -> None:
    prefix = "10.50.0.0/16"
    east = underlay.gateway("east", "172.31.0.1")
    first = underlay.gateway("west", "172.31.0.2", prefix)
    second = underlay.gateway("west", "172.31.0.3", prefix, slot=1)
    for one in (east, first, second):
        await one.open()
    for one in (first, second):
        await one.connect(east.endpoint)
        path = await east.connect(one.endpoint, slot=one.slot)
        assert path.device == ("submariner-1" if one.slot else "submariner")
    for device in ("submariner", "submariner-1", "submariner"):
        east.run(f"ip route replace {prefix} dev {device} src {east.pods[0]}")
        east.ping(first.pods[0])
    first.ping(east.pods[0])
    east.run(f"ip route replace {prefix} dev submariner-1 src {east.pods[0]}")
    second.ping(east.pods[0])
    endpoints = second.wg("show", "submariner", "endpoints")
    assert "172.31.0.1:4501" in endpoints  # east's port for slot 1, of which second is


async def test_what_comes_through_a_cable_that_does_not_carry_is_accepted(underlay) -> None:
    prefix = "10.50.0.0/16"
    east = underlay.gateway("east", "172.31.0.1")
    first = underlay.gateway("west", "172.31.0.2", prefix)
    second = underlay.gateway("west", "172.31.0.3", prefix, slot=1)
    east.run("sysctl -qw net.ipv4.conf.all.rp_filter=1")  # as many distributions have it
    for one in (east, first, second):
        await one.open()
    for one in (first, second):
        await one.connect(east.endpoint)
        await east.connect(one.endpoint, slot=one.slot)
    east.run(f"ip route replace {prefix} dev submariner src {east.pods[0]}")
    with underlay.netns.entered(east.namespace):
        heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with underlay.netns.entered(second.namespace):
        sends = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with heard, sends:
        heard.settimeout(10)
        heard.bind((str(east.pods[0]), 0))
        sends.bind((str(second.pods[0]), 0))
        sends.sendto(b"hello", heard.getsockname())
        assert heard.recvfrom(10)[0] == b"hello"


async def test_a_slot_that_is_given_later_moves_all_cables(underlay) -> None:
    east, west = await underlay.pair()
    await east.open(slot=2)
    await west.connect(east.endpoint, slot=2)
    assert "172.31.0.2:4502" in east.wg("show", "submariner", "endpoints")
    east.ping(west.pods[0], 2)
    assert west.wg("show", "submariner", "peers") == ""


async def test_an_upstream_peer_is_on_the_device_of_slot_0_at_its_plain_port(underlay) -> None:
    east = underlay.gateway("east", "172.31.0.1", slot=3)
    west = underlay.gateway("west", "172.31.0.2")
    await east.open()
    await west.open()
    path = await east.connect(west.endpoint, slot=5, ours=False)
    assert path.device == "submariner"
    await west.connect(east.endpoint, ours=False)
    east.ping(west.pods[0])
    assert "172.31.0.2:4500" in east.wg("show", "submariner", "endpoints")


async def test_a_restarted_driver_changes_nothing_and_loses_nothing(underlay) -> None:
    east, west = await underlay.pair()
    await east.connected(west.endpoint)
    before, devices = east.wg("showconf", "submariner"), east.indices()
    words = f"ping -q -c 100 -i 0.01 -W 2 -I {east.pods[0]} {west.pods[0]}"
    flow = asyncio.create_task(asyncio.to_thread(east.run, words))
    await east.restart()
    await east.open()
    state = await east.state(west.endpoint)
    await east.connect(west.endpoint)
    assert ", 0% packet loss" in await flow
    assert state.status is ConnectionStatus.CONNECTED
    assert (east.wg("showconf", "submariner"), east.indices()) == (before, devices)


async def test_an_address_that_was_roamed_to_is_kept_over_a_restart(underlay) -> None:
    east, west = await underlay.pair()
    await east.connected(west.endpoint)
    west.wg("set", "submariner", "listen-port", "4777")
    west.ping(east.pods[0], 2)
    assert "172.31.0.2:4777" in east.wg("show", "submariner", "endpoints")
    await east.restart()
    await east.open()
    await east.connect(west.endpoint)
    assert "172.31.0.2:4777" in east.wg("show", "submariner", "endpoints")


NAT = """\
table ip nat {
    chain in {
        type filter hook input priority 0
        ct state new udp dport 4500 drop
    }
    chain out {
        type nat hook postrouting priority 100
    }
}
"""


async def test_a_peer_behind_nat_is_followed_to_where_it_is_heard(underlay) -> None:
    """Nobody forwards to it; then its NAT forgets the way and takes another port."""
    east = underlay.gateway("east", "172.31.0.1")
    west = underlay.gateway("west", "172.31.0.2")
    west.run(["nft", NAT])
    for port in (5501, 5502):
        mapped = f"udp sport 4500 snat to 172.31.0.2:{port}"
        west.run(["nft", f"flush chain ip nat out; add rule ip nat out {mapped}"])
        west.run("conntrack -F")
        await underlay.join(east, west)
        west.ping(east.pods[0], 2)
        assert f"172.31.0.2:{port}" in east.wg("show", "submariner", "endpoints")
        east.ping(west.pods[0], 2)
        await east.restart()


async def test_another_address_of_the_remote_is_taken_over_at_once(underlay) -> None:
    east, west = await underlay.pair()
    await east.connected(west.endpoint)  # a handshake on its way would lead back
    west.ping(east.pods[0])
    west.run("ip addr add 172.31.0.9/16 dev underlay")
    moved = dataclasses.replace(west.endpoint, public_ip=None)
    await east.connect(moved, address=west.endpoint.private_ip + 7)
    assert "172.31.0.9:4500" in east.wg("show", "submariner", "endpoints")
    east.ping(west.pods[0], 2)


async def test_prefixes_change_without_a_lost_packet(underlay) -> None:
    east, west = await underlay.pair()
    more = dataclasses.replace(
        west.endpoint, subnets=(*west.endpoint.subnets, *networks("10.77.0.0/16"))
    )
    await east.connected(west.endpoint)
    flow = asyncio.create_task(asyncio.to_thread(east.ping, west.pods[0], 40))
    await east.connect(more)
    assert "10.77.0.0/16" in east.wg("show", "submariner", "allowed-ips")
    await flow
    await east.connect(west.endpoint)
    assert "10.77.0.0/16" not in east.wg("show", "submariner", "allowed-ips")
    east.ping(west.pods[0])


async def test_a_cable_removed_leaves_others_alone(underlay) -> None:
    gateways = [underlay.gateway(f"c{n}", f"172.31.0.{n}") for n in (1, 2, 3)]
    await underlay.join(*gateways)
    one, other, third = gateways
    await one.connected(third.endpoint)
    await one.disconnect(other.endpoint)
    await one.disconnect(other.endpoint)
    assert await one.state(other.endpoint) is None
    one.ping(third.pods[0])


async def test_foreign_peers_are_named_and_left_alone(underlay) -> None:
    east, west = await underlay.pair()
    key = base64.b64encode(b"f" * 32).decode()
    east.wg("set", "submariner", "peer", key, "allowed-ips", "192.168.7.0/24")
    unknown = [state for state in await east.observe() if state.name is None]
    assert [state.key for state in unknown] == [key]
    await east.restart()
    await east.open()
    await east.disconnect(west.endpoint)
    assert east.wg("show", "submariner", "peers").split() == [key]


async def test_a_peer_that_somebody_removed_comes_back(underlay) -> None:
    east, west = await underlay.pair()
    east.wg("set", "submariner", "peer", west.endpoint.backend_config["publicKey"], "remove")
    assert await east.state(west.endpoint) is None
    await east.connect(west.endpoint)
    east.ping(west.pods[0], 2)


async def test_the_mtu_follows_the_way_to_the_remote(underlay) -> None:
    east, west = underlay.gateway("east", "172.31.0.1"), underlay.gateway("west", "172.31.0.2")
    await east.open()
    await west.open()
    assert (await east.connect(west.endpoint)).mtu == 1420
    east.run("ip route add 172.31.0.2 dev underlay mtu 1300")
    assert (await east.connect(west.endpoint)).mtu == 1240
    east.run("ip link set underlay mtu 1400")
    await east.open()
    assert "mtu 1320" in east.run("ip link show submariner")
    await west.connect(east.endpoint)
    east.ping(west.pods[0], 1, "-Mdo", "-s1200")


async def test_ipv6_prefixes_over_an_ipv6_underlay(underlay) -> None:
    east = underlay.gateway("east", "fd00::1", "10.1.0.0/16", "fd01::/64")
    west = underlay.gateway("west", "fd00::2", "10.2.0.0/16", "fd02::/64")
    await underlay.join(east, west)
    for pod in west.pods:
        east.ping(pod)
    assert "[fd00::2]:4500" in east.wg("show", "submariner", "endpoints")


async def test_a_remote_that_rotated_its_key_is_reached_with_the_new_one(underlay) -> None:
    east, west = await underlay.pair()
    old = west.endpoint.backend_config["publicKey"]
    west.state_dir.joinpath("private.key").unlink()
    await west.restart()
    await west.open()
    assert west.endpoint.backend_config["publicKey"] != old
    await east.connect(west.endpoint)
    east.ping(west.pods[0], 2)
    assert east.wg("show", "submariner", "peers").split() == [
        west.endpoint.backend_config["publicKey"]
    ]


async def test_the_same_key_twice_is_refused_and_names_both(underlay) -> None:
    east, west = await underlay.pair()
    thief = dataclasses.replace(
        west.endpoint,
        cluster_id="north",
        cable_name="submariner-cable-north-172-31-0-9",
        subnets=tuple(networks("10.88.0.0/16")),
    )
    with pytest.raises(CableError, match=r"north.*west"):
        await east.connect(thief)
    own = dataclasses.replace(thief, backend_config=east.endpoint.backend_config)
    with pytest.raises(CableError, match="this gateway's own"):
        await east.connect(own)
    east.ping(west.pods[0])


async def test_prefixes_of_another_cluster_are_refused(underlay) -> None:
    gateways = [underlay.gateway(f"c{n}", f"172.31.0.{n}") for n in (1, 2, 3)]
    one, other, third = gateways
    await underlay.join(one, other)
    await third.open()
    claim = dataclasses.replace(
        third.endpoint, subnets=(*third.endpoint.subnets, *networks("10.2.5.0/24"))
    )
    with pytest.raises(CableError, match=r"10\.2\.5\.0/24.*'c3'.*'c2'"):
        await one.connect(claim)
    one.ping(other.pods[0])
    assert [state.name for state in await one.observe()] == [other.endpoint.cable_name]


@pytest.mark.parametrize("key", ["", "not base64!", "c2hvcnQ=", "A" * 43 + "="])
async def test_a_wrong_public_key_is_refused(underlay, key) -> None:
    east = underlay.gateway("east", "172.31.0.1")
    await east.open()
    wrong = dataclasses.replace(
        east.endpoint, cable_name="west", cluster_id="west", backend_config={"publicKey": key}
    )
    with pytest.raises(CableError, match=r"publicKey"):
        await east.connect(wrong)


def networks(*texts):
    return [ip_network(text) for text in texts]


async def test_many_peers_cost_one_request_each(underlay) -> None:
    east = underlay.gateway("east", "172.31.0.1")
    await east.open()
    for number in itertools.islice(itertools.count(1), 50):
        peer = dataclasses.replace(
            east.endpoint,
            cluster_id=f"c{number}",
            cable_name=f"cable-{number}",
            subnets=tuple(networks(f"10.100.{number}.0/24")),
            backend_config={"publicKey": base64.b64encode(bytes([number]) * 32).decode()},
        )
        await east.connect(peer)
    assert len(await east.observe()) == 50
