"""Several cable drivers on one gateway, and the one that a pair uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.errors import PluginError
from submariner_core.api.model import Endpoint
from submariner_core.reconcile.drivers import (
    NoCommonDriver,
    Offer,
    advertise,
    choose_driver,
    common_drivers,
    offers,
    view_for,
)
from tests.reconcile.objects import endpoint

words = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
configs = st.dictionaries(
    words.filter(lambda key: key != "order"), st.text(max_size=9), max_size=3
)
offered = st.lists(st.tuples(words, configs), min_size=1, max_size=5, unique_by=lambda o: o[0])


def offering(cluster_id: str, *names: str) -> Endpoint:
    backend, config = advertise([(name, {}) for name in names])
    return endpoint(cluster_id, backend=backend, backend_config=config)


def test_the_first_driver_owns_the_plain_keys_and_the_others_are_prefixed() -> None:
    backend, config = advertise(
        [("wireguard", {"udp-port": "4500", "publicKey": "k"}), ("vxlan", {"udp-port": "4520"})]
    )
    assert backend == "wireguard"
    assert config == {
        "udp-port": "4500",
        "publicKey": "k",
        "vxlan/udp-port": "4520",
        "vxlan/order": "1",
    }


def test_a_driver_that_advertises_nothing_is_visible_all_the_same() -> None:
    assert [o.name for o in offers(offering("west", "c", "b", "a"))] == ["c", "b", "a"]


def test_an_upstream_endpoint_offers_its_backend_alone() -> None:
    upstream = endpoint("west", backend="libreswan", backend_config={"udp-port": "4500"})
    assert offers(upstream) == (Offer("libreswan", {"udp-port": "4500"}),)
    assert view_for(upstream, "libreswan") == upstream


def test_strange_keys_of_a_peer_do_no_harm() -> None:
    strange = {"/": "1", "/x": "2", "x/": "3", "vxlan/a": "4", "b/order": "x" * 9, "a/b/c": "5"}
    peer = endpoint("west", backend="vxlan", backend_config=strange)
    assert offers(peer) == (Offer("vxlan"), Offer("a", {"b/c": "5"}), Offer("b"))


@pytest.mark.parametrize(
    "wrong",
    [
        [("a/b", {})],
        [("", {})],
        [("a", {"x/y": "1"})],
        [("a", {}), ("a", {})],
        [("a", {}), ("b", {"order": "1"})],
    ],
)
def test_what_would_be_misread_is_not_advertised(wrong: list[tuple[str, dict[str, str]]]) -> None:
    with pytest.raises(PluginError):
        advertise(wrong)


@given(offered)
def test_what_is_advertised_is_read_back(wanted: list[tuple[str, dict[str, str]]]) -> None:
    backend, config = advertise(wanted)
    shuffled = dict(sorted(config.items()))
    peer = endpoint("west", backend=backend, backend_config=shuffled)
    assert offers(peer) == tuple(Offer(name, keys) for name, keys in wanted)


def test_a_view_has_the_drivers_own_keys_and_those_of_the_gateway() -> None:
    backend, config = advertise(
        [("wireguard", {"udp-port": "4500", "publicKey": "k"}), ("vxlan", {"udp-port": "4520"})]
    )
    config["natt-discovery-port"] = "4490"
    peer = endpoint("west", backend=backend, backend_config=config)
    view = view_for(peer, "vxlan")
    assert view.backend == "vxlan"
    assert view.backend_config == {"udp-port": "4520", "natt-discovery-port": "4490"}
    assert "vxlan/udp-port" not in view_for(peer, "wireguard").backend_config
    with pytest.raises(KeyError):
        view_for(peer, "libreswan")


def test_the_pair_uses_the_first_of_the_lower_clusters_list_that_both_offer() -> None:
    east = offering("east", "wireguard", "vxlan", "libreswan")
    west = offering("west", "libreswan", "vxlan")
    assert choose_driver(east, west) == choose_driver(west, east) == "vxlan"
    assert common_drivers(west, east) == ("vxlan", "libreswan")


def test_without_a_common_driver_both_lists_are_named() -> None:
    choice = choose_driver(offering("west", "vxlan"), offering("east", "wireguard", "libreswan"))
    assert choice == NoCommonDriver(
        "no common cable driver: cluster 'east' offers wireguard, libreswan; "
        "cluster 'west' offers vxlan"
    )


def test_a_policy_may_strike_drivers_out() -> None:
    east, west = offering("east", "a", "b"), offering("west", "a", "b")
    assert choose_driver(east, west, ("b", "z")) == "b"
    assert choose_driver(east, west, ()) == NoCommonDriver(
        "no cable driver left for cluster 'west': a policy struck out a, b"
    )


@given(offered, offered)
def test_both_sides_come_to_the_same_driver(
    ours: list[tuple[str, dict[str, str]]], theirs: list[tuple[str, dict[str, str]]]
) -> None:
    (one, mine), (other, yours) = advertise(ours), advertise(theirs)
    east = endpoint("east", backend=one, backend_config=mine)
    west = endpoint("west", backend=other, backend_config=yours)
    assert choose_driver(east, west) == choose_driver(west, east)
