"""The pure parts: what is programmed follows from the plan."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from submariner_kubeproxy import overlay, plugin
from submariner_kubeproxy.node import NodeNetwork, find_cni
from submariner_kubeproxy.options import KubeProxyOptions
from submariner_kubeproxy.packet_filter import document
from submariner_kubeproxy.steering import NEXTHOP, is_own_rule, steering
from submariner_kubeproxy.tuning import wanted

from submariner_core.api.errors import RouteError
from submariner_core.api.info import Role
from submariner_core.api.route import NodePlan, OverlayPeer
from submariner_core.kernel import Address, Rule

ME = OverlayPeer("me", IPv4Address("10.50.0.1"))
GATEWAY = OverlayPeer("gateway", IPv4Address("10.50.0.2"))
CNI = IPv4Address("10.1.1.1")
PLAN = NodePlan(
    node=ME,
    on_gateway=False,
    gateways=(GATEWAY,),
    carries=GATEWAY,
    remote_prefixes=(IPv4Network("10.2.0.0/16"), IPv4Network("100.2.0.0/16")),
    cluster_cidr=(IPv4Network("10.1.0.0/16"),),
    service_cidr=(IPv4Network("100.1.0.0/16"),),
)
SELF = replace(PLAN, on_gateway=True, carries=ME, gateways=(ME, GATEWAY))


# ---- steering


def test_every_route_of_a_worker_follows_one_object():
    made = steering(PLAN, CNI)
    assert {(route.nexthop, route.source) for route in made.routes} == {(NEXTHOP, CNI)}
    assert [route.destination for route in made.routes] == list(PLAN.remote_prefixes)
    assert made.nexthop.via == IPv4Address("240.50.0.2")
    assert made.rules == ()


def test_a_move_changes_nothing_but_the_object():
    before, after = steering(PLAN, CNI), steering(replace(PLAN, carries=None), CNI)
    assert before.routes == after.routes
    assert after.nexthop.device is None


def test_the_gateway_that_carries_has_rules_instead_of_routes():
    made = steering(SELF, CNI)
    assert made.nexthop is None
    assert made.routes == ()
    assert Rule(150, 100, source=IPv4Network("10.1.0.0/16")) in made.rules
    assert Rule(150, 100, incoming="lo") in made.rules


def test_no_rule_asks_about_all_traffic():
    for rule in (*steering(SELF, CNI).rules, *steering(replace(SELF, carries=GATEWAY), CNI).rules):
        assert rule.source or rule.incoming


def test_every_rule_we_make_is_known_as_ours():
    assert all(is_own_rule(rule) for rule in steering(SELF, CNI).rules)
    assert is_own_rule(Rule(150, 150))
    assert not is_own_rule(Rule(100, 100, incoming="vx-submariner"))
    assert not is_own_rule(Rule(150, 254, source=IPv4Network("192.0.2.0/24")))


def test_prefixes_of_the_other_family_are_left_out():
    plan = replace(PLAN, remote_prefixes=(IPv6Network("fd00::/64"),))
    assert steering(plan, CNI).routes == ()
    assert "fd00" not in json.dumps(document(plan, KubeProxyOptions(), CNI))


# ---- overlay


def test_the_device_is_told_by_the_nodes_address_alone():
    device = overlay.device(ME, 1500)
    assert (device.mtu, device.mac) == (1450, "02:f0:0a:32:00:01")
    assert overlay.overlay_address(ME) == IPv4Interface("240.50.0.1/8")


def test_nodes_that_the_overlay_cannot_tell_apart_stand_back():
    twin = OverlayPeer("twin", IPv4Address("192.50.0.2"))
    double = OverlayPeer("double", IPv4Address("172.50.0.1"))
    peers = (GATEWAY, twin, double, GATEWAY)
    assert overlay.distinct(ME, peers) == (GATEWAY,)
    assert overlay.colliding(ME, peers) == (twin, double)


def test_a_node_with_ipv6_only_is_refused_by_name():
    with pytest.raises(RouteError, match="node six: fd00::1 is not IPv4"):
        overlay.device(OverlayPeer("six", IPv6Address("fd00::1")), 1500)


@given(st.lists(st.ip_addresses(v=4), max_size=20))
def test_no_overlay_address_is_given_twice(addresses):
    peers = [OverlayPeer(str(address), address) for address in addresses]
    kept = overlay.distinct(ME, peers)
    taken = [overlay.overlay_address(peer).ip for peer in kept]
    assert len(set(taken)) == len(taken)
    assert overlay.overlay_address(ME).ip not in taken
    assert {p.address for p in kept} | {p.address for p in overlay.colliding(ME, peers)} | {
        ME.address
    } >= set(addresses)


# ---- the node's own network


def test_the_cni_address_is_the_first_in_the_first_cidr():
    addresses = [
        Address("eth0", IPv4Interface("192.0.2.1/24")),
        Address("b", IPv4Interface("10.9.0.1/24")),
        Address("a", IPv4Interface("10.1.0.1/24")),
    ]
    cidrs = [IPv4Network("10.1.0.0/16"), IPv4Network("10.9.0.0/16")]
    assert find_cni(addresses, cidrs).device == "a"
    assert find_cni(addresses, cidrs[1:]).device == "b"
    assert find_cni(addresses, ()) is None


def test_device_names_with_dots_make_valid_sysctls():
    names = wanted(NodeNetwork("eth0.5", 1500, None, None))
    assert names["net/ipv4/conf/eth0.5/rp_filter"] == "2"
    assert all(name.startswith("net/") for name in names)


# ---- packet filter


def chain(plan: NodePlan, name: str, cni: IPv4Address | None = CNI) -> list[str]:
    objects = document(plan, KubeProxyOptions(), cni)
    rules = (one["rule"] for one in objects if "rule" in one)
    return [json.dumps(rule["expr"]) for rule in rules if rule["chain"] == name]


def test_all_gateways_but_a_leader_that_carries_answer_for_what_they_translated():
    passive = replace(SELF, carries=GATEWAY)
    moved = replace(SELF, gateways=(GATEWAY, ME))  # away from a leader that others still reach
    assert any('"dnat"' in rule for rule in chain(moved, "keep_source"))
    assert any('"dnat"' in rule for rule in chain(passive, "keep_source"))
    assert not any('"dnat"' in rule for rule in chain(SELF, "keep_source"))
    assert not any('"dnat"' in rule for rule in chain(PLAN, "keep_source"))


def test_without_a_cni_address_nothing_is_translated_to_it():
    rules = chain(replace(SELF, carries=GATEWAY), "keep_source", None)
    assert len(rules) == 2
    assert all("itself" in rule for rule in rules)


def test_cable_ports_are_accepted_on_gateways():
    (rule,) = (one for one in chain(replace(SELF, cable_ports=(4500,)), "input") if "dport" in one)
    assert "4500" in rule
    assert "4800" in rule


def test_other_protocols_of_cables_are_accepted_too():
    rules = chain(replace(SELF, cable_protocols=(50,)), "input")
    (rule,) = (one for one in rules if "l4proto" in one)
    assert "50" in rule
    assert not any("l4proto" in one for one in chain(SELF, "input"))


def test_overlapping_prefixes_make_one_set_member():
    nested = (IPv4Network("10.2.0.0/16"), IPv4Network("10.2.3.0/24"))
    sets = [
        one["set"]
        for one in document(replace(PLAN, remote_prefixes=nested), KubeProxyOptions(), CNI)
        if "set" in one
    ]
    assert [len(one["elem"]) for one in sets if one["name"] == "remote"] == [1]


# ---- options and identity


@pytest.mark.parametrize("mark", [0x3000, 0x4000, 0x8000, 0, -1])
def test_a_mark_that_is_not_one_free_bit_is_refused(mark):
    with pytest.raises(ValidationError):
        KubeProxyOptions(mark=mark)


def test_the_plugin_answers_for_its_own_name_only(tmp_path):
    assert plugin.submariner_plugin_info().provides == {Role.ROUTE: ("kubeproxy",)}
    assert plugin.submariner_route_driver("other", KubeProxyOptions(), tmp_path) is None
    assert plugin.submariner_route_driver("kubeproxy", KubeProxyOptions(), tmp_path) is not None
