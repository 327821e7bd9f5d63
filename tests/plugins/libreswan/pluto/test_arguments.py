"""Tunnels as words for whack."""

from __future__ import annotations

import itertools

from submariner_libreswan.plane import Plane
from submariner_libreswan.pluto import arguments
from submariner_libreswan.pluto.arguments import Dialect, Proof
from submariner_libreswan.tunnel import Mode


def _words(tunnel, terms, proof=None):
    [pair] = tunnel.pairs
    return arguments.connection(tunnel, pair, terms, proof)


def _after(words, word):
    return [value for name, value in itertools.pairwise(words) if name == word]


def test_both_ends_are_named_by_their_addresses(tunnel, terms):
    words = _words(tunnel(), terms())
    assert _after(words, "--name") == ["submariner-cable-c2-172-31-0-2-0-0"]
    assert _after(words, "--id") == ["172.31.0.1", "172.31.0.2"]
    assert _after(words, "--host") == ["172.31.0.1", "172.31.0.2"]
    assert _after(words, "--client") == ["10.1.0.0/16", "10.2.0.0/16"]
    assert _after(words, "--ikeport") == ["4500", "4500"]
    assert {"--psk", "--encrypt", "--ikev2", "--tunnel", "--pfs", "--no-esn"} <= set(words)
    assert _after(words, "--dpdaction") == ["hold"]
    assert _after(words, "--dpddelay") == ["30"]
    assert "--forceencaps" not in words
    assert arguments.identities(words) == ("172.31.0.1", "172.31.0.2")


def test_a_server_waits_for_anybody_and_a_client_has_no_port(tunnel, terms):
    words = _words(tunnel(mode=Mode.SERVER), terms())
    assert _after(words, "--host") == ["172.31.0.1", "%any"]
    assert _after(words, "--ikeport") == ["4500"]
    assert words.index("--ikeport") < words.index("--to")
    assert _after(words, "--id") == ["@172.31.0.1-0-0", "@172.31.0.2-0-0"]
    words = _words(tunnel(mode=Mode.CLIENT), terms())
    assert _after(words, "--host") == ["172.31.0.1", "172.31.0.2"]
    assert words.index("--ikeport") > words.index("--to")
    words = _words(tunnel(mode=Mode.CLIENT, local_port=4501), terms())
    assert _after(words, "--ikeport") == ["4501", "4500"]  # where 4500 is another's


def test_a_standby_shares_subnets_since_all_have_one_next_hop(tunnel, terms):
    words = _words(tunnel(interface=4502), terms())
    assert _after(words, "--ipsec-interface") == ["4502"]
    assert _after(words, "--nexthop") == ["172.31.0.1"]
    assert "--overlapip" in words
    words = _words(tunnel(interface=None), terms(plane=Plane.POLICIES))
    assert not {"--ipsec-interface", "--nexthop", "--overlapip"} & set(words)


def test_routes_are_never_plutos(tunnel, terms):
    assert _after(_words(tunnel(), terms()), "--updown") == ["%disabled"]


def test_policies_stand_before_their_sas_where_they_choose_the_packets(tunnel, terms):
    bare = terms(plane=Plane.POLICIES)
    assert arguments.routed(tunnel(interface=None), bare)
    assert not arguments.routed(tunnel(interface=None, mode=Mode.SERVER), bare)
    assert not arguments.routed(tunnel(), terms())


def test_a_peer_of_upstream_is_offered_no_more_than_it_takes(tunnel, terms):
    words = _words(tunnel(ours=False), terms())
    assert not {"--pfs", "--no-esn"} & set(words)
    assert _after(words, "--esp") == ["aes_gcm_16_256+aes_gcm_16_128-none"]
    [pair] = tunnel().pairs
    words = arguments.connection(tunnel(ours=False), pair, terms(), None, Dialect.LATER)
    assert {"--pfs", "--esn", "--no-esn"} <= set(words)
    assert _after(words, "--esp") == ["aes_gcm_16_256+aes_gcm_16_128-none"]
    assert Dialect.LATER.other is Dialect.EARLIER
    assert arguments.connection(tunnel(), pair, terms(), None, Dialect.LATER) == _words(
        tunnel(), terms()
    )


def test_without_proposals_and_liveness_checks_nothing_is_said_of_them(tunnel, terms):
    words = _words(tunnel(), terms(ike=(), esp=(), dpd=0.0))
    assert not {"--ike", "--esp", "--dpddelay", "--dpdaction"} & set(words)
    assert "--pfs" in words


def test_a_certificate_stands_in_place_of_the_psk(tunnel, terms):
    words = _words(tunnel(), terms(), Proof("submariner-12", "O=submariner, CN=ca", ecdsa=False))
    assert {"--rsasig", "--ecdsa"} & set(words) == {"--rsasig"}
    words = _words(tunnel(), terms(), Proof("submariner-12", "O=submariner, CN=ca", ecdsa=True))
    assert {"--rsasig", "--ecdsa"} & set(words) == {"--ecdsa"}
    assert "--psk" not in words
    assert _after(words, "--cert") == ["submariner-12"]
    assert words.index("--cert") < words.index("--to") < words.index("--ca")


def test_nat_forces_encapsulation(tunnel, terms):
    assert "--forceencaps" in _words(tunnel(encapsulated=True), terms())


def test_a_connection_tells_its_tunnel_and_pair():
    assert arguments.owner("submariner-cable-a-b-10-0-0-1-2-13") == (
        "submariner-cable-a-b-10-0-0-1",
        (2, 13),
    )
    assert arguments.owner("theirs-1-2") is None
    assert arguments.owner("submariner-cable-x") is None
