"""A cable as IPsec makes it: ids, pairs, modes, who calls (compat.md 5.2)."""

from __future__ import annotations

import dataclasses
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from submariner_libreswan.tunnel import Mode, check_distinct, interface_name, tunnel_of

from submariner_core.api.errors import CableError
from tests.plugins.libreswan.site import make_cable, make_endpoint

EAST = make_endpoint("east", "172.31.0.1", "10.101.0.0/16", "10.1.0.0/16")
WEST = make_endpoint("west", "172.31.0.2", "10.102.0.0/16", "10.2.0.0/16")


def _tunnel(own=EAST, remote=WEST, *, interfaces=True, force_encaps=False, port=4500, **settings):
    certificates = settings.pop("certificates", False)
    return tunnel_of(
        own,
        make_cable(remote, **settings),
        port=port,
        force_encaps=force_encaps,
        interfaces=interfaces,
        certificates=certificates,
    )


def _server(endpoint, text="true"):
    return dataclasses.replace(endpoint, backend_config={"preferred-server": text})


def test_pairs_are_numbered_by_their_places_in_both_lists():
    tunnel = _tunnel()
    assert [(tunnel.connection(pair), str(pair)) for pair in tunnel.pairs] == [
        ("submariner-cable-west-172-31-0-2-0-0", "10.101.0.0/16 = 10.102.0.0/16"),
        ("submariner-cable-west-172-31-0-2-0-1", "10.101.0.0/16 = 10.2.0.0/16"),
        ("submariner-cable-west-172-31-0-2-1-0", "10.1.0.0/16 = 10.102.0.0/16"),
        ("submariner-cable-west-172-31-0-2-1-1", "10.1.0.0/16 = 10.2.0.0/16"),
    ]


def test_the_gateways_own_address_among_the_subnets_is_left_out_and_not_counted():
    own = make_endpoint("east", "172.31.0.1", "172.31.0.1/32", "10.101.0.0/16", "10.1.0.0/16")
    remote = make_endpoint("west", "172.31.0.2", "10.2.0.0/16", "172.31.0.2/32", "172.31.0.20/32")
    assert [(pair.left, pair.right, str(pair)) for pair in _tunnel(own, remote).pairs] == [
        (0, 0, "10.101.0.0/16 = 10.2.0.0/16"),
        (0, 1, "10.101.0.0/16 = 172.31.0.20/32"),
        (1, 0, "10.1.0.0/16 = 10.2.0.0/16"),
        (1, 1, "10.1.0.0/16 = 172.31.0.20/32"),
    ]


def test_ids_are_private_addresses_even_where_another_one_is_called():
    tunnel = _tunnel(address="203.0.113.7", port=4501, nat=True)
    assert {(tunnel.local_id(pair), tunnel.remote_id(pair)) for pair in tunnel.pairs} == {
        ("172.31.0.1", "172.31.0.2")
    }
    assert (str(tunnel.address), tunnel.encapsulated) == ("203.0.113.7", True)


def test_a_server_and_its_client_have_ids_for_each_pair():
    tunnel = _tunnel(_server(EAST))
    assert tunnel.mode is Mode.SERVER
    assert [(tunnel.local_id(pair), tunnel.remote_id(pair)) for pair in tunnel.pairs][1:3] == [
        ("@172.31.0.1-0-1", "@172.31.0.2-1-0"),
        ("@172.31.0.1-1-0", "@172.31.0.2-0-1"),
    ]


def test_a_certificate_proves_an_address_in_any_mode():
    tunnel = _tunnel(_server(EAST), certificates=True)
    assert tunnel.mode is Mode.SERVER
    assert {tunnel.local_id(pair) for pair in tunnel.pairs} == {"172.31.0.1"}


@pytest.mark.parametrize(
    ("ours", "theirs", "mode"),
    [
        ("false", "false", Mode.BIDIRECTIONAL),
        ("", "", Mode.BIDIRECTIONAL),
        ("yes", "on", Mode.BIDIRECTIONAL),
        ("true", "false", Mode.SERVER),
        ("1", "", Mode.SERVER),
        ("false", "T", Mode.CLIENT),
        ("true", "true", Mode.CLIENT),  # "…east…" < "…west…": the greater name is the server
    ],
)
def test_the_mode_is_upstreams(ours, theirs, mode):
    assert _tunnel(_server(EAST, ours), _server(WEST, theirs)).mode is mode


def test_an_upstream_peer_is_called_save_by_a_server():
    assert _tunnel(WEST, EAST, ours=False).calls
    assert _tunnel(EAST, WEST, ours=False).calls
    assert not _tunnel(_server(WEST), EAST, ours=False).calls


def test_an_upstream_peer_is_on_the_first_interface():
    assert _tunnel(slot=3).interface == 4503
    assert _tunnel(slot=3, ours=False).interface == 4500
    assert _tunnel(slot=3, interfaces=False).interface is None
    assert interface_name(4503) == "ipsec4503"


def test_what_the_other_end_offers_is_kept_for_people():
    remote = dataclasses.replace(WEST, backend_config={"proposals": "aes128-sha256"})
    assert _tunnel(remote=remote).offers == "aes128-sha256"


_prefixes = st.lists(
    st.sampled_from([f"10.{number}.0.0/16" for number in range(6)] + ["172.31.0.1/32"]),
    min_size=1,
    max_size=4,
    unique=True,
)


@given(
    _prefixes,
    _prefixes,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["172.31.0.2", "172.31.0.100", "9.9.9.9"]),
)
def test_both_ends_derive_mirrored_ids_and_one_of_them_calls(own, others, one, two, address):
    east = _server(make_endpoint("east", "172.31.0.1", *own), str(one).lower())
    west = _server(
        make_endpoint("west", address, *(text.replace("10.", "11.") for text in others)),
        str(two).lower(),
    )
    try:
        there, back = _tunnel(east, west), _tunnel(west, east)
    except CableError:
        event("an end has no subnet but its own address")
        return
    assert {
        (
            pair.left,
            pair.right,
            pair.local,
            pair.remote,
            there.local_id(pair),
            there.remote_id(pair),
        )
        for pair in there.pairs
    } == {
        (pair.right, pair.left, pair.remote, pair.local, back.remote_id(pair), back.local_id(pair))
        for pair in back.pairs
    }
    assert [there.calls, back.calls].count(True) == 1
    modes = {there.mode, back.mode}
    assert modes in ({Mode.BIDIRECTIONAL}, {Mode.SERVER, Mode.CLIENT})
    assert there.named == back.named
    ids = [(there.local_id(pair), there.remote_id(pair)) for pair in there.pairs]
    assert len(set(ids)) == (len(ids) if there.named else 1)


@pytest.mark.parametrize(
    ("remote", "settings", "words"),
    [
        (WEST, {"address": "224.0.0.1"}, "224.0.0.1 is no unicast address"),
        (WEST, {"address": "0.0.0.0"}, "0.0.0.0 is no unicast address"),
        (WEST, {"address": "127.0.0.1"}, "127.0.0.1 is no unicast address"),
        (WEST, {"slot": 8}, "slot 8 of the remote gateway is none of 0 to 7"),
        (make_endpoint("west", "172.31.0.1", "10.2.0.0/16"), {}, "this gateway's own private IP"),
        (make_endpoint("west", "172.31.0.2"), {}, "without subnets: set cluster_cidr"),
        (make_endpoint("west", "fd00::2", "10.2.0.0/16"), {}, "between IPv4 addresses"),
    ],
)
def test_a_remote_that_cannot_be_reached_is_refused_by_name(remote, settings, words):
    with pytest.raises(CableError, match=words) as caught:
        _tunnel(remote=remote, **settings)
    assert remote.cable_name in str(caught.value)


@pytest.mark.parametrize(
    "cluster",
    ["we st", 'we"st', "we{st", "we}st", "we\nst", "wést", "we/st", "we%any", "w" * 300, "we'st"],
)
def test_a_name_that_a_daemon_could_take_for_more_than_a_name_is_refused(cluster):
    with pytest.raises(CableError, match="another cluster_id") as caught:
        _tunnel(remote=make_endpoint(cluster, "172.31.0.2", "10.2.0.0/16"))
    assert repr(f"submariner-cable-{cluster}-172-31-0-2") in str(caught.value)


def test_peers_with_one_private_address_are_not_both_served():
    other = _tunnel(remote=make_endpoint("north", "172.31.0.2", "10.3.0.0/16"))
    with pytest.raises(CableError, match=r"172.31.0.2 is that of cable '.*north.*' too"):
        check_distinct(_tunnel(), iter([other]))


def test_a_prefix_of_another_cluster_is_refused():
    other = _tunnel(remote=make_endpoint("north", "172.31.0.3", "10.2.3.0/24"))
    with pytest.raises(
        CableError, match=r"prefix 10.2.0.0/16 of cluster 'west' belongs to.*north"
    ):
        check_distinct(_tunnel(), iter([other]))


def test_gateways_of_one_cluster_share_its_prefixes():
    standby = dataclasses.replace(
        WEST, private_ip=ip_address("172.31.0.4"), cable_name="submariner-cable-west-172-31-0-4"
    )
    check_distinct(_tunnel(), iter([_tunnel(remote=standby, slot=1), _tunnel()]))
    assert _tunnel().prefixes == (ip_network("10.102.0.0/16"), ip_network("10.2.0.0/16"))
