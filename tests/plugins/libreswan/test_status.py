"""What is said of a cable; octets over rekeying."""

from __future__ import annotations

import pytest
from submariner_libreswan.daemon import ChildState, TunnelState, missing
from submariner_libreswan.status import PATIENCE, Counters, cable_state
from submariner_libreswan.tunnel import tunnel_of

from submariner_core.api.model import ConnectionStatus
from tests.plugins.libreswan.site import make_cable, make_endpoint

TUNNEL = tunnel_of(
    make_endpoint("east", "172.31.0.1", "10.101.0.0/16", "10.1.0.0/16"),
    make_cable(make_endpoint("west", "172.31.0.2", "10.2.0.0/16")),
    port=4500,
    force_encaps=False,
    interfaces=True,
)
BOTH = (ChildState((0, 0), "1", age=7.0), ChildState((1, 0), "2", age=3.0))


def _child(key, rx, tx, **more):
    return ChildState((0, 0), key, rx, tx, **more)


def _said(*children, error="", waited=0.0):
    state = TunnelState(TUNNEL.name, children, error=error)
    said = cable_state(TUNNEL, state, (1, 2), waited, "charon")
    return said.status, said.message


def test_octets_of_child_sas_that_were_replaced_count_on():
    counters = Counters()
    seen = [
        counters.total("a", [_child("1", 100, 10)]),
        counters.total("a", [_child("1", 150, 15, stands=False), _child("2", 0, 0)]),
        counters.total("a", [_child("2", 20, 2)]),
        counters.total("a", []),
        counters.total("a", [_child("3", 5, 5)]),
    ]
    assert seen == [(100, 10), (150, 15), (170, 17), (170, 17), (175, 22)]


def test_tunnels_do_not_share_octets_and_those_gone_are_forgotten():
    counters = Counters()
    assert counters.total("a", [_child("1", 100, 10)]) == (100, 10)
    assert counters.total("b", [_child("1", 7, 7)]) == (7, 7)
    counters.keep({"b"})
    assert counters.total("a", []) == (0, 0)
    assert counters.total("b", []) == (7, 7)


def test_a_pair_whose_child_sa_was_replaced_is_not_missing_and_one_deleted_is():
    old, new = _child("1", 0, 0, stands=False), _child("2", 0, 0)
    assert missing(TUNNEL, TunnelState(TUNNEL.name, (old, new))) == {(1, 0)}
    assert missing(TUNNEL, TunnelState(TUNNEL.name, (old,))) == {(0, 0), (1, 0)}
    assert missing(TUNNEL, None) == {(0, 0), (1, 0)}


def test_a_cable_is_connected_once_all_its_pairs_are_there():
    status, said = _said(*BOTH, error="of an earlier try")
    assert status is ConnectionStatus.CONNECTED
    assert said == "charon: 2 child SAs, the oldest 7 s"


def test_a_cable_with_a_part_of_its_pairs_is_connecting_with_a_reason():
    status, said = _said(BOTH[0], error="the other end refuses the subnets", waited=1000.0)
    assert status is ConnectionStatus.CONNECTING
    assert "1 of 2 child SAs with UDP 172.31.0.2:4500: the other end refuses the subnets" in said


@pytest.mark.parametrize(
    ("waited", "status"),
    [(0.0, ConnectionStatus.CONNECTING), (PATIENCE + 1, ConnectionStatus.ERROR)],
)
def test_a_cable_that_takes_too_long_is_in_error(waited, status):
    assert _said(waited=waited)[0] is status
    assert ("is the port open there" in _said(waited=waited)[1]) == (
        status is ConnectionStatus.ERROR
    )


def test_a_reason_is_an_error_at_once():
    assert _said(error="no common proposal") == (
        ConnectionStatus.ERROR,
        "charon: UDP 172.31.0.2:4500: no common proposal",
    )
