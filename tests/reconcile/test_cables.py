"""The cable plan of one remote cluster: which cables, in which order, and which one carries."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.cable import Path
from submariner_core.api.info import Capability
from submariner_core.api.model import Endpoint, EndpointObject, GatewayEntry, Metadata
from submariner_core.api.naming import cable_name
from submariner_core.reconcile.cables import (
    CablePlan,
    Connect,
    Disconnect,
    HeldCable,
    OwnSide,
    WantedCable,
    plan_cables,
    steps,
)
from submariner_core.reconcile.nat_discovery import Way

PATH = Path("vxlan-tunnel", IPv4Address("241.0.0.1"), 1450)


def endpoint(cluster: str, number: int, backend: str = "vxlan", **more: object) -> Endpoint:
    address = IPv4Address(f"172.31.0.{number}")
    return Endpoint(
        cluster_id=cluster,
        cable_name=cable_name(cluster, address),
        hostname=f"{cluster}-{number}",
        subnets=(IPv4Network("10.2.0.0/16"),),
        private_ip=address,
        public_ip=None,
        nat_enabled=False,
        backend=backend,
        backend_config={"udp-port": "4500"},
        health_check_ip=IPv4Address(f"10.2.{number}.1"),
        **more,
    )


def stored(*numbers: int, leader: int | None = None) -> EndpointObject:
    """West's Endpoint, with a list of gateways in this order."""
    first = numbers[0] if leader is None else leader
    spec = endpoint("west", first)
    entries = tuple(GatewayEntry(endpoint("west", n), n % 8) for n in numbers)
    return EndpointObject(Metadata("west"), spec, epoch=1, gateways=entries)


def own(place: int | None = 0, leads: bool = True, **more: object) -> OwnSide:
    capabilities = {"vxlan": Capability.STANDBY}
    return OwnSide(
        **{
            "endpoint": endpoint("east", 99),
            "place": place,
            "leads": leads,
            "warm": 2,
            "capabilities": capabilities,
            **more,
        }
    )


def names(plan: CablePlan) -> list[str]:
    return [want.cable.name for want in plan.cables]


def held(number: int, **more: object) -> HeldCable:
    cable = next(want.cable for want in plan_cables(own(), stored(number)).cables)
    return HeldCable("vxlan", cable.name, cable, PATH, **more)


def test_the_first_two_gateways_of_a_cluster_get_a_cable_each_the_leader_first() -> None:
    plan = plan_cables(own(), stored(1, 2, 3))
    assert names(plan) == [endpoint("west", 1).cable_name, endpoint("west", 2).cable_name]
    assert plan.leader == endpoint("west", 1).cable_name


@pytest.mark.parametrize("leads", [True, False])
def test_a_passive_gateway_holds_the_same_cables_as_the_active_one(leads: bool) -> None:
    place = None if leads else 1
    assert (
        plan_cables(own(place, leads), stored(1, 2)).cables
        == plan_cables(own(), stored(1, 2)).cables
    )


def test_the_third_gateway_of_a_cluster_holds_no_cables() -> None:
    plan = plan_cables(own(place=2, leads=False), stored(1, 2))
    assert plan.cables == ()
    assert "not among" in plan.problem


def test_an_upstream_peer_gets_one_cable_and_only_from_the_active_gateway() -> None:
    upstream = replace(stored(1), gateways=None)
    assert names(plan_cables(own(), upstream)) == [endpoint("west", 1).cable_name]
    assert plan_cables(own(place=1, leads=False), upstream).cables == ()


def test_a_driver_without_standby_gets_one_cable_per_cluster() -> None:
    plan = plan_cables(own(capabilities={}), stored(1, 2))
    assert names(plan) == [endpoint("west", 1).cable_name]


def test_either_end_may_say_that_its_node_keeps_no_standby() -> None:
    def cannot(spec: Endpoint) -> Endpoint:
        return replace(spec, backend_config={**spec.backend_config, "standby": "false"})

    remote = stored(1, 2)
    alone = own(endpoint=cannot(endpoint("east", 99)))
    assert len(plan_cables(own(), remote).cables) == 2
    assert len(plan_cables(own(), replace(remote, spec=cannot(remote.spec))).cables) == 1
    assert len(plan_cables(alone, remote).cables) == 1
    assert plan_cables(replace(alone, leads=False), remote).rests


def test_no_common_driver_names_both_lists() -> None:
    remote = replace(stored(1), spec=endpoint("west", 1, backend="libreswan"), gateways=())
    assert "vxlan" in plan_cables(own(), remote).problem
    assert "libreswan" in plan_cables(own(), remote).problem


PUBLIC = IPv4Address("192.0.2.7")


def way_to_west(side: OwnSide, **more: object) -> tuple[object, bool]:
    spec = replace(endpoint("west", 1), public_ip=PUBLIC, **more)
    cable = plan_cables(side, EndpointObject(Metadata("w"), spec, 1, ())).cables[0].cable
    return cable.address, cable.nat


def test_a_peer_that_says_it_is_behind_nat_is_assumed_at_its_public_address() -> None:
    side = own(capabilities={"vxlan": Capability.NAT})
    assert way_to_west(side, nat_enabled=True) == (PUBLIC, True)
    assert way_to_west(side) == (IPv4Address("172.31.0.1"), False)


def test_what_was_discovered_counts_more_than_what_a_peer_says() -> None:
    name = endpoint("west", 1).cable_name
    side = own(capabilities={"vxlan": Capability.NAT}, ways={name: Way(True, False)})
    assert way_to_west(side) == (PUBLIC, False)
    side = replace(side, ways={name: Way(False, True)})
    assert way_to_west(side, nat_enabled=True) == (IPv4Address("172.31.0.1"), True)


def test_a_driver_that_cannot_pass_a_nat_uses_the_private_address() -> None:
    name = endpoint("west", 1).cable_name
    side = own(ways={name: Way(True, True)})
    assert way_to_west(side, nat_enabled=True) == (IPv4Address("172.31.0.1"), False)


def test_a_port_that_is_no_port_falls_back_to_the_default() -> None:
    spec = replace(endpoint("west", 1), backend_config={"udp-port": "70000"})
    cable = plan_cables(own(), EndpointObject(Metadata("w"), spec, 1, ())).cables[0].cable
    assert cable.port == 4500


def test_connects_come_before_disconnects() -> None:
    wanted = plan_cables(own(), stored(2)).cables
    todo = steps(wanted, [held(1)], frozenset(), 0.0, settled=True)
    assert [type(step) for step in todo] == [Connect, Disconnect]


def test_a_cable_that_is_routed_to_is_not_removed() -> None:
    one = held(1)
    assert steps((), [one], frozenset({("vxlan", one.name)}), 0.0, settled=True) == ()
    assert steps((), [one], frozenset(), 0.0, settled=True) == (Disconnect("vxlan", one.name),)


def test_nothing_is_removed_before_the_first_snapshot() -> None:
    assert steps((), [held(1)], frozenset(), 0.0, settled=False) == ()


def test_a_cable_as_wanted_needs_no_step() -> None:
    wanted = plan_cables(own(), stored(1)).cables
    assert steps(wanted, [held(1)], frozenset(), 0.0, settled=True) == ()


def test_a_cable_whose_subnets_changed_is_connected_again() -> None:
    remote = stored(1)
    changed = replace(remote, spec=replace(remote.spec, subnets=(IPv4Network("10.9.0.0/16"),)))
    wanted = plan_cables(own(), changed).cables
    (step,) = steps(wanted, [held(1)], frozenset(), 0.0, settled=True)
    assert step == Connect("vxlan", wanted[0].cable)


def test_a_cable_of_an_earlier_process_is_taken_over_by_connecting() -> None:
    wanted = plan_cables(own(), stored(1)).cables
    inherited = HeldCable("vxlan", wanted[0].cable.name)
    assert inherited.inherited
    assert steps(wanted, [inherited], frozenset(), 0.0, settled=False) == (
        Connect("vxlan", wanted[0].cable),
    )


def test_what_failed_waits_for_its_time() -> None:
    wanted = plan_cables(own(), stored(1)).cables
    failed = HeldCable("vxlan", wanted[0].cable.name, error="no", failures=1, retry_at=5.0)
    assert steps(wanted, [failed], frozenset(), 4.9, settled=True) == ()
    assert steps(wanted, [failed], frozenset(), 5.0, settled=True) == (
        Connect("vxlan", wanted[0].cable),
    )


wants = st.lists(st.integers(1, 5), max_size=3, unique=True)


@given(wants, wants, st.sampled_from([None, 1, 2, 3]))
def test_steps_lead_to_what_is_wanted_and_then_stop(
    wanted: list[int], before: list[int], routed: int | None
) -> None:
    want = tuple(WantedCable("vxlan", held(n).cable) for n in wanted if held(n).cable)
    kept = frozenset() if routed is None else frozenset({("vxlan", held(routed).name)})
    have = {held(n).name: held(n) for n in before}
    for _ in range(20):
        todo = steps(want, list(have.values()), kept, 0.0, settled=True)
        if not todo:
            break
        step = todo[0]
        if isinstance(step, Connect):
            have[step.cable.name] = HeldCable("vxlan", step.cable.name, step.cable, PATH)
        else:
            assert ("vxlan", step.name) not in kept
            del have[step.name]
    expected = {held(n).name for n in wanted}
    assert set(have) == expected | ({name for _, name in kept} & {held(n).name for n in before})
