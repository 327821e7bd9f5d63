"""A gateway's second cables: how they are listed, and what is sent into them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from submariner_core.api.cable import Path
from submariner_core.api.codec import decode, encode
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.naming import SLOTS
from submariner_core.reconcile.detour import needing, second_entry, spare_slot, with_second
from submariner_core.reconcile.gateways import Retired
from submariner_core.reconcile.routing import PROBE_TABLE
from tests.reconcile.objects import endpoint, entry, stored_endpoint
from tests.reconcile.plan_world import World, stored, west

OWN = endpoint("east", 1, backend="wireguard", subnets=["10.1.0.0/16"])
SECOND = second_entry(OWN, "wireguard", {"publicKey": "x", "udp-port": "4504"}, 1)
WEST, STANDBY = west(9), west(8)


def test_their_slot_is_one_that_nobody_had_lately_but_themselves() -> None:
    listed = [entry(1, 0, "east")]
    mine = Retired(SECOND.endpoint.cable_name, 0.0)
    assert spare_slot(OWN, listed, {}) == 1
    assert spare_slot(OWN, listed, {1: Retired("another", 0.0)}) == 2
    assert spare_slot(OWN, listed, {1: mine}) == 1
    assert spare_slot(OWN, [entry(n + 1, n, "east") for n in SLOTS], {}) is None


def test_they_stand_behind_the_leader_unless_a_newcomer_has_their_slot() -> None:
    leader, newcomer = entry(1, 0, "east"), entry(2, 2, "east")
    assert with_second((leader,), None) == (leader,)
    assert with_second((leader, newcomer), SECOND) == (leader, SECOND, newcomer)
    assert with_second((leader, entry(2, 1, "east")), SECOND) == (leader, entry(2, 1, "east"))


def test_a_list_may_name_them_and_an_endpoint_may_not() -> None:
    leads = stored_endpoint(OWN, gateways=(entry(1, 0, "east"), SECOND))
    assert decode(encode(leads)).gateways[1] == SECOND
    with pytest.raises(RecordMalformed, match="cable_name"):
        decode(encode(stored_endpoint(SECOND.endpoint)))
    other = replace(SECOND.endpoint, cable_name="submariner-cable-west-192-0-2-1-detour")
    with pytest.raises(RecordMalformed, match="cable_name"):
        decode(encode(replace(leads, gateways=(replace(SECOND, endpoint=other),))))


def test_remotes_hold_a_cable_to_them_and_do_not_send_there() -> None:
    offer = {"udp-port": "4800"}
    world = World().put(stored(WEST, second_entry(WEST, "vxlan", offer, 1).endpoint))
    planned = world.settle()
    assert {name for _, name in world.state.held} == {
        WEST.cable_name,
        f"{WEST.cable_name}-detour",
    }
    assert planned.carriers == {"west": ("vxlan", WEST.cable_name)}


def test_a_pair_that_uses_another_driver_than_theirs_holds_none() -> None:
    world = World().put(stored(WEST, second_entry(WEST, "wireguard", {}, 1).endpoint))
    world.settle()
    assert {name for _, name in world.state.held} == {WEST.cable_name}


def test_what_carries_and_what_is_probed_goes_by_them_and_both_may_arrive() -> None:
    world = World().put(stored(WEST, STANDBY))
    planned = world.settle()
    assert needing(planned, "vxlan") == {WEST.cable_name}
    assert needing(planned, "wireguard") == frozenset()
    second = Path("second", None, 1400)
    world.state = replace(world.state, detours={("vxlan", WEST.cable_name): second})
    detoured = world.plan()
    assert [one.device for one in detoured.routing.nexthops] == ["second"]
    probes = {
        str(route.destination): route.device
        for route in detoured.routing.routes
        if route.table == PROBE_TABLE
    }
    assert probes == {"10.2.9.1/32": "second", "10.2.8.1/32": "vxlan-device"}
    arrivals = {rule.incoming for rule in detoured.routing.rules}
    assert {"second", "vxlan-device"} <= arrivals
    assert detoured.steps == {}
    world.state = replace(world.state, detours={})
    assert world.plan().routing == planned.routing


def test_those_to_upstreams_peers_need_none() -> None:
    world = World().put(stored_endpoint(WEST, origin="west"))
    planned = world.settle()
    assert planned.carriers == {"west": ("vxlan", WEST.cable_name)}
    assert needing(planned, "vxlan") == frozenset()
