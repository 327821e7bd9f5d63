"""Whom NAT discovery looks for, and which new cables wait a moment for what it finds."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.info import Capability
from submariner_core.api.model import Endpoint, EndpointObject, GatewayEntry
from submariner_core.reconcile.nat_discovery import Peer, Way
from submariner_core.reconcile.nat_peers import FIRST_WAIT, PORT_KEY, discovery_port, peers, waits
from submariner_core.reconcile.plan import Plan
from tests.reconcile.objects import stored_endpoint
from tests.reconcile.plan_world import World, west

PUBLIC = IPv4Address("203.0.113.9")
WEST = west(9, public_ip=PUBLIC, backend_config={PORT_KEY: "4490"})
STANDBY = west(10, backend_config={PORT_KEY: "4491"})
NEXT = west(11, backend_config={PORT_KEY: "4490"})
TRANSLATED = Way(public=True, nat=True)
DIRECT = Way(public=False, nat=False)
CAPABILITIES = {"wireguard": Capability.NAT, "plain": Capability.STANDBY}


def stored(spec: Endpoint, *standbys: Endpoint, epoch: int = 1) -> EndpointObject:
    """The copy of an Endpoint; each gateway keeps its slot, wherever it stands in the list."""
    slots = {WEST.hostname: 0, STANDBY.hostname: 1, NEXT.hostname: 2}
    listed = tuple(GatewayEntry(one, slots[one.hostname]) for one in (spec, *standbys))
    return stored_endpoint(spec, origin="west", epoch=epoch, gateways=listed)


def discovering() -> World:
    """A gateway that looks for others before it makes cables to them."""
    world = World()
    world.state = replace(world.state, site=replace(world.state.site, discovers=True))
    return world


def plan(world: World, now: float) -> Plan:
    """A plan, and the memory of since when whom it looks for is looked for."""
    planned = world.plan(now)
    asked = {name: world.state.asked.get(name, now) for name in planned.peers}
    world.state = replace(world.state, asked=asked)
    return planned


def connects(planned: Plan) -> list[str]:
    return [step.cable.name for steps in planned.steps.values() for step in steps]


def found(world: World, **ways: Way) -> None:
    names = {"west": WEST.cable_name, "standby": STANDBY.cable_name, "next": NEXT.cable_name}
    known = {names[name]: way for name, way in ways.items()}
    world.state = replace(world.state, ways={**world.state.ways, **known})


def made(world: World, now: float = 100.0) -> World:
    """Both cables are there, the leader's carries."""
    found(world, west=TRANSLATED, standby=DIRECT)
    plan(world, now)
    world.settle(now)
    return world


@pytest.mark.parametrize("text", ["", "0", "-1", "65536", "x", "４４９０", "44.9"])
def test_a_gateway_without_a_port_to_ask_at_is_not_asked(text) -> None:
    remote = replace(WEST, backend_config={PORT_KEY: text})
    assert discovery_port(remote) is None
    assert peers([("wireguard", stored(remote))], CAPABILITIES) == {}


def test_the_listed_standbys_are_looked_for_before_anybody_needs_them() -> None:
    sought = peers([("wireguard", stored(WEST, STANDBY, NEXT))], CAPABILITIES)
    assert sought == {
        one.cable_name: Peer(
            one.cable_name, "west", one.private_ip, one.public_ip, int(port), ours=True
        )
        for one, port in ((WEST, "4490"), (STANDBY, "4491"), (NEXT, "4490"))
    }


def test_the_endpoint_itself_is_newer_than_what_its_list_repeats() -> None:
    old = replace(WEST, public_ip=IPv4Address("203.0.113.1"))
    remote = replace(stored(old, STANDBY), spec=WEST)
    assert peers([("wireguard", remote)], CAPABILITIES)[WEST.cable_name].public_ip == PUBLIC


def test_an_upstream_gateway_is_looked_for_as_such() -> None:
    sought = peers([("wireguard", replace(stored(WEST), gateways=None))], CAPABILITIES)
    assert [one.ours for one in sought.values()] == [False]


def test_a_driver_that_passes_no_nat_looks_for_nobody() -> None:
    assert peers([("plain", stored(WEST)), ("unknown", stored(WEST))], CAPABILITIES) == {}


@given(
    st.sets(st.sampled_from("abc")),
    st.dictionaries(st.sampled_from("abc"), st.floats(0, 50)),
    st.floats(0, 60),
)
def test_nobody_known_waits_and_nobody_waits_longer_than_a_moment(known, asked, now) -> None:
    wanted = dict.fromkeys("abc", Peer("", "", PUBLIC, None, 1, ours=True))
    asked = {name: min(since, now) for name, since in asked.items()}
    until = waits(wanted, dict.fromkeys(known, DIRECT), asked, now)
    assert not known & set(until)
    assert all(now < end <= now + FIRST_WAIT for end in until.values())
    assert FIRST_WAIT <= 1.0
    assert waits(wanted, {}, dict.fromkeys("abc", now), now + FIRST_WAIT) == {}


def test_a_cable_to_a_gateway_never_met_waits_for_its_address_a_moment_at_most() -> None:
    world = discovering().put(stored(WEST))
    planned = plan(world, 100.0)
    assert list(planned.peers) == [WEST.cable_name]
    assert connects(planned) == []
    assert planned.wake_at == 100.0 + FIRST_WAIT
    assert connects(plan(world, 100.0 + FIRST_WAIT)) == [WEST.cable_name]


def test_an_answer_ends_the_wait_at_once() -> None:
    world = discovering().put(stored(WEST))
    plan(world, 100.0)
    found(world, west=TRANSLATED)
    (step,) = plan(world, 100.1).steps["west"]
    assert (step.cable.address, step.cable.nat) == (PUBLIC, True)


def test_one_that_waits_delays_no_other() -> None:
    world = discovering().put(stored(WEST, STANDBY))
    found(world, standby=DIRECT)
    assert connects(plan(world, 100.0)) == [STANDBY.cable_name]


def test_a_move_to_a_standby_waits_for_nothing() -> None:
    """Never again 3: failover waiting for NAT discovery."""
    world = made(discovering().put(stored(WEST, STANDBY)))
    world.put(stored(STANDBY, WEST, epoch=2))
    planned = plan(world, 200.0)
    assert connects(planned) == []
    assert planned.carriers == {"west": ("vxlan", STANDBY.cable_name)}


def test_nor_where_nobody_ever_answered() -> None:
    world = discovering().put(stored(WEST, STANDBY))
    plan(world, 100.0)
    plan(world, 101.0)
    world.settle(101.0)
    world.put(stored(STANDBY, WEST, epoch=2))
    planned = plan(world, 101.1)
    assert connects(planned) == []
    assert planned.carriers == {"west": ("vxlan", STANDBY.cable_name)}


def test_a_leader_never_met_is_looked_for_while_what_is_up_carries() -> None:
    world = made(discovering().put(stored(WEST, STANDBY)))
    world.put(stored(NEXT, STANDBY, WEST, epoch=2))
    planned = plan(world, 200.0)
    assert NEXT.cable_name in planned.peers
    assert connects(planned) == []
    assert planned.carriers["west"][1] in {WEST.cable_name, STANDBY.cable_name}
    assert connects(plan(world, 201.0)) == [NEXT.cable_name]


def test_a_held_cable_takes_new_prefixes_at_once_where_nobody_answered() -> None:
    world = discovering().put(stored(WEST))
    plan(world, 100.0)
    plan(world, 101.0)
    world.settle(101.0)
    world.put(
        stored(replace(WEST, subnets=(*WEST.subnets, *west(9, subnets=["10.9.0.0/16"]).subnets)))
    )
    assert connects(plan(world, 101.1)) == [WEST.cable_name]
