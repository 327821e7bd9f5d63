from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submariner_vxlan.peer import (
    FLOOD,
    Peer,
    belongs,
    check_distinct,
    forwarding,
    neighbours,
    peer_of,
)

from submariner_core.api.errors import CableError

ADDRESSES = st.ip_addresses(v=4)
LOCAL = IPv4Address("192.168.1.1")


def peer(address="10.0.0.2", name="west", port=4500, ours=True):
    return Peer(name, IPv4Address(address), port, IPv4Address(address), ours)


PEERS = st.builds(
    Peer,
    name=st.sampled_from(["a", "b", "c"]),
    address=ADDRESSES,
    port=st.integers(1, 65535),
    private_ip=ADDRESSES,
    ours=st.booleans(),
)


def test_the_tunnel_address_is_derived_from_the_private_ip_not_the_public_one():
    behind = Peer("west", IPv4Address("203.0.113.9"), 4500, IPv4Address("10.1.2.3"), True)
    assert str(behind.vtep) == "241.1.2.3"
    [entry] = forwarding(behind, 4500, {})
    assert (entry.mac, str(entry.destination)) == ("02:f1:0a:01:02:03", "203.0.113.9")


def test_a_port_is_named_only_where_it_differs_from_ours():
    assert forwarding(peer(port=4500), 4500, {})[0].port is None
    assert forwarding(peer(port=4520), 4500, {})[0].port == 4520


def test_an_upstream_peer_has_no_neighbour_entry_of_ours():
    assert neighbours(peer(ours=False)) == ()


def test_a_learnt_mac_stands_beside_the_all_zero_entry():
    upstream = peer(ours=False)
    learnt = {upstream.vtep: "6a:00:00:00:00:01", IPv4Address("241.9.9.9"): "6a:00:00:00:00:02"}
    macs = [entry.mac for entry in forwarding(upstream, 4500, learnt)]
    assert macs == [FLOOD, "6a:00:00:00:00:01"]


@given(PEERS)
def test_all_that_is_made_for_a_peer_belongs_to_it(one):
    learnt = {one.vtep: "6a:00:00:00:00:01"}
    assert all(belongs(entry, one) for entry in forwarding(one, 4500, learnt))


@given(PEERS, PEERS)
def test_two_cables_are_refused_exactly_when_they_share_a_tunnel_address(one, other):
    local = IPv4Address(int(one.private_ip) ^ 1)
    if one.name != other.name and one.vtep == other.vtep:
        with pytest.raises(CableError, match=str(one.vtep)):
            check_distinct(one, local, [other])
    else:
        check_distinct(one, local, [other])


def test_a_cable_is_no_rival_of_itself():
    check_distinct(peer(), LOCAL, [peer(), peer("10.0.0.3", "north")])


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "127.0.0.1", "255.255.255.255"])
def test_an_address_that_is_no_gateways_is_refused(endpoint, cable, address):
    with pytest.raises(CableError, match="unicast"):
        peer_of(cable(endpoint("west", "10.0.0.2"), address=IPv4Address(address)))


def test_a_remote_without_ipv4_is_refused(endpoint, cable):
    with pytest.raises(CableError, match="offer another cable driver"):
        peer_of(cable(endpoint("west", "2001:db8::1")))
