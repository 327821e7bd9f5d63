from __future__ import annotations

from pathlib import Path

import pytest
from submariner_lab.blueprint import UNDERLAY, draw
from submariner_lab.faults import Fault, Faults, ruleset, slow_ruleset
from submariner_lab.packetfilter import ruleset as node_ruleset
from submariner_lab.spec import LabSpec
from submariner_lab.wire import HELD, Wire

LARGE = LabSpec(clusters=5, nodes=7, gateways=2)


def test_no_two_members_share_their_last_three_octets() -> None:
    members = draw("0000", LARGE).members
    assert len(members) == len({member.address.packed[1:] for member in members})
    assert all(member.address in UNDERLAY for member in members)


def test_every_name_fits_a_device_and_starts_with_the_labs_prefix() -> None:
    blueprint = draw("beef", LARGE)
    assert all(len(member.name) <= 15 for member in blueprint.members)
    spaces = [m.netns for m in blueprint.members] + [n.pod_netns for n in blueprint.nodes]
    assert len(spaces) == len(set(spaces))
    assert all(name.startswith("sublab-beef-") for name in spaces)


def test_the_first_nodes_are_candidates_and_the_last_pod_serves_the_cluster_ip() -> None:
    cluster = draw("0000", LabSpec(nodes=3, gateways=2)).clusters[0]
    assert [node.candidate for node in cluster.nodes] == [True, True, False]
    assert cluster.backend is cluster.nodes[2]
    assert f"--to-destination {cluster.backend.pod_address}:7000" in node_ruleset(
        cluster, cluster.nodes[0]
    )


@pytest.mark.parametrize("wrong", [{"clusters": 0}, {"nodes": 0}, {"nodes": 1, "gateways": 2}])
def test_a_size_that_cannot_be_built_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="not"):
        LabSpec(**wrong)  # type: ignore[arg-type]


def test_several_drivers_are_offered_in_order() -> None:
    assert LabSpec(driver="wireguard, vxlan").drivers == ("wireguard", "vxlan")


def test_a_partition_drops_both_ways_unless_it_is_one_way() -> None:
    blueprint = draw("0000", LabSpec())
    faults = Faults(blueprint, Path())
    a, b = blueprint.nodes[0], blueprint.nodes[1]
    both = ruleset([Fault((a,), (b,), False, faults)])
    forth = ruleset([Fault((a,), (b,), True, faults)])
    assert 'iifname { "east-1" } oifname { "east-2" } drop' in both
    assert 'iifname { "east-2" } oifname { "east-1" } drop' in both
    assert 'iifname { "east-2" }' not in forth


def test_no_cut_is_no_rule() -> None:
    blueprint = draw("0000", LabSpec())
    assert ruleset([]) == ""
    assert ruleset([Fault((blueprint.broker,), (), False, Faults(blueprint, Path()))]) == ""


def test_random_loss_drops_a_share_and_a_slow_wire_carries_the_marked() -> None:
    blueprint = draw("0000", LabSpec())
    faults = Faults(blueprint, Path())
    a, b = blueprint.nodes[0], blueprint.nodes[3]
    wire = Wire(blueprint.wan_netns, "slow1", 0.15, Path())
    lossy, slow = Fault((a,), (b,), True, faults, 30), Fault((a,), (b,), True, faults, 0, wire)
    assert 'oifname { "west-1" } numgen random mod 100 < 30 drop' in ruleset([lossy, slow])
    assert ruleset([slow]) == slow_ruleset([lossy]) == ""
    rules = slow_ruleset([lossy, slow])
    assert 'device "west-1"' in rules
    assert f'meta mark != {HELD} ip saddr {{ {a.address} }} fwd to "slow1"' in rules
    assert 'device "east-1"' not in rules
