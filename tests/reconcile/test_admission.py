"""Prefix admission: what is refused, in whose favour, and that it lifts by itself."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.model import EndpointObject, GatewayEntry
from submariner_core.reconcile.admission import OwnNetwork, Refusal, admit, claim_key
from tests.reconcile.objects import endpoint, stored_endpoint

OWN = OwnNetwork(
    "east",
    (ip_network("10.1.0.0/16"), ip_network("100.1.0.0/16"), ip_network("fd00::/64")),
    (ip_address("192.0.2.7"), ip_address("2001:db8::1")),
)


def remote(
    cluster_id: str, *subnets: str, claimed: str | None = None, created: str = "1"
) -> EndpointObject:
    return stored_endpoint(endpoint(cluster_id, subnets=subnets), created, claimed=claimed)


def test_ordinary_prefixes_are_admitted_in_the_endpoints_order() -> None:
    verdict = admit(OWN, [remote("west", "100.2.0.0/16", "10.2.0.0/16", "100.2.0.0/16")])
    assert verdict.refused == ()
    assert verdict.admitted["west"] == (IPv4Network("100.2.0.0/16"), IPv4Network("10.2.0.0/16"))


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("0.0.0.0/0", "default route"),
        ("0.0.0.0/1", "unspecified"),
        ("126.0.0.0/7", "loopback"),
        ("169.254.7.0/24", "link-local"),
        ("239.1.0.0/16", "multicast"),
        ("240.10.0.0/16", "node overlay"),
        ("240.0.0.0/7", "node overlay"),
        ("241.0.0.5/32", "cables"),
        ("255.255.255.255/32", "broadcast"),
        ("192.0.2.4/30", "192.0.2.7"),
        ("10.1.7.0/24", "10.1.0.0/16 of this cluster"),
        ("10.0.0.0/8", "10.1.0.0/16 of this cluster"),
        ("10.1.0.0/16", "10.1.0.0/16 of this cluster"),
        ("fd00:1::/64", "IPv4 end to end"),
    ],
)
def test_a_harmful_prefix_is_refused_with_its_reason(prefix: str, reason: str) -> None:
    verdict = admit(OWN, [remote("west", prefix, "10.2.0.0/16")])
    assert verdict.admitted["west"] == (IPv4Network("10.2.0.0/16"),)
    (refusal,) = verdict.refused
    assert (refusal.cluster_id, refusal.prefix) == ("west", ip_network(prefix))
    assert reason in refusal.reason


def test_of_two_claims_the_earlier_is_admitted() -> None:
    first = remote("zulu", "10.2.0.0/16", claimed=claim_key("1", "zulu"))
    second = remote("alfa", "10.2.3.0/24", claimed=claim_key("2", "alfa"))
    verdict = admit(OWN, [second, first])
    assert verdict.admitted == {"zulu": (IPv4Network("10.2.0.0/16"),), "alfa": ()}
    reason = "it overlaps 10.2.0.0/16 of cluster 'zulu', which claimed it earlier"
    assert verdict.refused == (Refusal("alfa", ip_network("10.2.3.0/24"), reason),)
    assert str(verdict.refused[0]) == f"10.2.3.0/24 of cluster 'alfa' is refused: {reason}"


def test_a_smaller_prefix_is_found_within_a_later_larger_one() -> None:
    first = remote("alfa", "10.2.3.0/24", "10.2.1.0/24", claimed="1")
    verdict = admit(OWN, [first, remote("bravo", "10.2.0.0/16", claimed="2")])
    assert "10.2.1.0/24 of cluster 'alfa'" in verdict.refused[0].reason


def test_the_heirs_refusal_lifts_when_the_earlier_cluster_is_gone() -> None:
    first, heir = remote("a", "10.2.0.0/16", claimed="1"), remote("b", "10.2.0.0/16", claimed="2")
    assert admit(OWN, [first, heir]).admitted["b"] == ()
    assert admit(OWN, [heir]).admitted["b"] == (IPv4Network("10.2.0.0/16"),)


def test_a_refused_prefix_blocks_nobody() -> None:
    greedy = remote("a", "0.0.0.0/1", claimed="1")
    verdict = admit(OWN, [greedy, remote("b", "10.2.0.0/16", claimed="2")])
    assert verdict.admitted["b"] == (IPv4Network("10.2.0.0/16"),)


def test_without_a_claim_one_comes_after_all_that_have_one() -> None:
    upstream = remote("a", "10.2.0.0/16", created="0")
    verdict = admit(OWN, [upstream, remote("b", "10.2.0.0/16", claimed="7", created="8")])
    assert verdict.admitted == {"a": (), "b": (IPv4Network("10.2.0.0/16"),)}


def gateway_at(address: str, *subnets: str, claimed: str, **fields: Any) -> EndpointObject:
    spec = endpoint(f"c{claimed}", subnets=subnets, private_ip=ip_address(address), **fields)
    return stored_endpoint(spec, claimed=claimed)


def test_a_prefix_may_not_hold_a_gateway_of_its_own_cluster_or_of_an_earlier_one() -> None:
    first = gateway_at("203.0.113.5", "10.2.0.0/16", "203.0.113.0/28", claimed="1")
    verdict = admit(OWN, [first, gateway_at("198.51.100.1", "203.0.113.0/24", claimed="2")])
    assert verdict.admitted == {"c1": (IPv4Network("10.2.0.0/16"),), "c2": ()}
    assert {one.cluster_id for one in verdict.refused} == {"c1", "c2"}
    assert all("contains 203.0.113.5" in one.reason for one in verdict.refused)


def test_a_later_cluster_cannot_block_anothers_prefix_by_saying_its_gateway_is_in_it() -> None:
    """Nobody but it says so; its cable would lead into the other cluster's."""
    honest = remote("west", "10.2.0.0/16", claimed="1")
    verdict = admit(OWN, [honest, gateway_at("10.2.3.4", "10.6.0.0/16", claimed="2")])
    assert verdict.admitted == {"west": (IPv4Network("10.2.0.0/16"),), "c2": ()}
    (refusal,) = verdict.refused
    assert refusal.reason == (
        "its gateway 10.2.3.4 lies in 10.2.0.0/16 of cluster 'west', which claimed it earlier"
    )


def test_of_a_gateway_behind_nat_the_public_address_counts() -> None:
    behind = gateway_at(
        "10.2.3.4",
        "10.6.0.0/16",
        claimed="1",
        nat_enabled=True,
        public_ip=ip_address("203.0.113.5"),
    )
    verdict = admit(OWN, [behind, remote("west", "10.2.0.0/16", "203.0.113.0/24", claimed="2")])
    assert verdict.admitted["c1"] == (IPv4Network("10.6.0.0/16"),)
    assert verdict.admitted["west"] == (IPv4Network("10.2.0.0/16"),)


def test_a_listed_gateways_address_counts_like_the_leaders() -> None:
    listed = endpoint("c1", private_ip=ip_address("203.0.113.6"))
    first = gateway_at("203.0.113.5", "10.6.0.0/16", claimed="1")
    first = replace(first, gateways=(GatewayEntry(first.spec, 0), GatewayEntry(listed, 1)))
    verdict = admit(OWN, [first, remote("west", "203.0.113.6/31", claimed="2")])
    assert verdict.admitted["west"] == ()


def test_what_the_leader_noted_as_refused_is_refused_where_its_reason_is_not_known() -> None:
    both = remote("west", "10.2.0.0/16", "10.7.0.0/16")
    verdict = admit(OWN, [replace(both, refused=(ip_network("10.7.0.0/16"),))])
    assert verdict.admitted["west"] == (IPv4Network("10.2.0.0/16"),)
    assert "leader" in verdict.refused[0].reason


def test_an_endpoint_of_the_own_cluster_is_not_judged() -> None:
    assert admit(OWN, [remote("east", "10.1.0.0/16")]).admitted == {}


stamps = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=4)


@given(st.tuples(stamps, stamps), st.tuples(stamps, stamps))
def test_claim_keys_sort_like_creation_then_cluster_id(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (claim_key(*one) < claim_key(*other)) == (one < other)


@st.composite
def remotes(draw: st.DrawFn) -> list[EndpointObject]:
    """Clusters that claim in a narrow space, so that much overlaps."""
    prefix = st.builds(
        lambda third, length: str(IPv4Network((0x0A020000 | third << 8, length), strict=False)),
        st.integers(0, 255),
        st.integers(12, 24),
    )
    names = draw(st.lists(st.sampled_from("abcdefg"), unique=True, max_size=5))
    claim = st.none() | st.sampled_from("123")
    return [
        remote(name, *draw(st.lists(prefix, max_size=4)), claimed=draw(claim)) for name in names
    ]


@given(remotes())
def test_what_is_admitted_overlaps_nothing_of_anybody_else(
    endpoints: list[EndpointObject],
) -> None:
    verdict = admit(OWN, endpoints)
    owned = [(p, name) for name, prefixes in verdict.admitted.items() for p in prefixes]
    owned += [(p, "own") for p in OWN.cidrs if isinstance(p, IPv4Network)]
    clashes = [
        (one, other)
        for one, whose in owned
        for other, whose_else in owned
        if whose != whose_else and one.overlaps(other)
    ]
    assert clashes == []


@given(remotes())
def test_every_refusal_has_an_overlap_and_nothing_is_lost(endpoints: list[EndpointObject]) -> None:
    verdict = admit(OWN, endpoints)
    taken = [p for prefixes in verdict.admitted.values() for p in prefixes]
    taken += [p for p in OWN.cidrs if isinstance(p, IPv4Network)]
    assert all(any(p.overlaps(r.prefix) for p in taken) for r in verdict.refused)
    for one in endpoints:
        name = one.spec.cluster_id
        refused = {r.prefix for r in verdict.refused if r.cluster_id == name}
        assert refused | set(verdict.admitted[name]) == set(one.spec.subnets)


@given(remotes())
def test_admission_does_not_depend_on_the_order_of_events(endpoints: list[EndpointObject]) -> None:
    assert admit(OWN, endpoints) == admit(OWN, endpoints[::-1])
