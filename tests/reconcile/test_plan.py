"""The gateway's plan: cables, routing, probes and readiness, as its state goes on."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from submariner_core.api.cable import LocalGateway
from submariner_core.api.model import (
    Connection,
    ConnectionStatus,
    Gateway,
    GatewayEntry,
    GatewayObject,
    HAStatus,
    Metadata,
)
from submariner_core.api.network import RouteType
from submariner_core.reconcile.cables import Disconnect
from submariner_core.reconcile.paths import Verdict
from submariner_core.reconcile.plan import Plan, ProbePlan
from submariner_core.reconcile.routing import CABLE_TABLE, PROBE_TABLE
from tests.reconcile.objects import endpoint, stored_endpoint, stored_gateway
from tests.reconcile.plan_world import OWN, World, stored, west

WEST, STANDBY = west(9), west(8)
POD_CIDR = ip_network("10.2.0.0/16")


def ways(planned: Plan) -> dict[str, str]:
    """Destinations of tables 100 and 102: the device or ``nexthop`` or ``unreachable``."""
    assert planned.routing is not None
    return {
        str(route.destination): "unreachable"
        if route.type is RouteType.UNREACHABLE
        else route.device or "nexthop"
        for route in planned.routing.routes
        if route.table in {CABLE_TABLE, PROBE_TABLE}
    }


def test_a_remote_cluster_is_connected_routed_and_probed() -> None:
    world = World().put(stored(WEST, STANDBY))
    planned = world.settle()
    assert planned.carriers == {"west": ("vxlan", WEST.cable_name)}
    assert ways(planned) == {
        "10.2.0.0/16": "nexthop",
        "10.2.9.1/32": "vxlan-device",
        "10.2.8.1/32": "vxlan-device",
    }
    assert planned.probes == {
        WEST.cable_name: ProbePlan(IPv4Address("10.2.9.1"), IPv4Address("10.1.0.1"), True),
        STANDBY.cable_name: ProbePlan(IPv4Address("10.2.8.1"), IPv4Address("10.1.0.1"), False),
    }
    assert planned.reasons == ()


def test_nothing_is_planned_before_the_datastore_was_read() -> None:
    world = World()
    world.state = replace(world.state, own=None)
    assert world.plan() == Plan(reasons=("the cable drivers are not open yet",))
    world = World()
    world.store.view = type(world.store.view)()
    assert world.plan() == Plan(reasons=("the datastore has not been read yet",))


def test_one_cluster_s_endpoint_replaced_is_make_before_break() -> None:
    """Never again 2: the new gateway's way stands before the old one's goes."""
    world = World().put(stored(WEST))
    world.settle()
    world.done.clear()
    world.store.delete(world.store.view.endpoints()[-1].meta.name and _ref(world, WEST))
    world.put(stored(STANDBY, epoch=2))
    planned = world.settle()
    assert world.done == [
        f"connect vxlan {STANDBY.cable_name}",
        "route",
        f"disconnect vxlan {WEST.cable_name}",
    ]
    assert planned.carriers == {"west": ("vxlan", STANDBY.cable_name)}


def _ref(world: World, spec):
    return next(
        ref for ref, one in world.store.view.objects.items() if getattr(one, "spec", None) == spec
    )


def test_a_new_gateway_that_cannot_be_connected_leaves_the_traffic_where_it_is() -> None:
    world = World().put(stored(WEST))
    world.settle()
    world.put(stored(STANDBY, WEST, epoch=2))
    for steps in world.plan().steps.values():
        world.act(steps[0], error="no way")
    planned = world.plan()
    assert planned.carriers == {"west": ("vxlan", WEST.cable_name)}
    assert not any(isinstance(s, Disconnect) for steps in planned.steps.values() for s in steps)


def test_changed_subnets_are_connected_and_routed() -> None:
    """Never again 18: a change of an endpoint's subnets that is never installed."""
    world = World().put(stored(WEST))
    world.settle()
    changed = west(9, subnets=["10.2.0.0/16", "10.22.0.0/16"])
    world.put(stored(changed))
    planned = world.settle()
    assert ways(planned)["10.22.0.0/16"] == "nexthop"
    assert world.state.held["vxlan", WEST.cable_name].cable.remote.subnets == changed.subnets


@pytest.mark.parametrize(
    "changed",
    [
        west(9, public_ip=IPv4Address("203.0.113.5"), nat_enabled=True),
        west(9, backend_config={"udp-port": "4501"}),
        west(9, backend_config={"public-key": "another"}),
    ],
    ids=["public ip", "port", "key"],
)
def test_what_changes_at_run_time_is_applied(changed) -> None:
    """Never again 12: a change of CIDR, public IP, port or key that is never applied."""
    world = World().put(stored(WEST))
    world.settle()
    world.put(stored(changed))
    world.settle()
    cable = world.state.held["vxlan", WEST.cable_name].cable
    assert (cable.remote, cable.address) == (changed, changed.gateway_ip)


def test_a_cluster_that_cannot_be_connected_is_unreachable_and_does_not_leak() -> None:
    world = World().put(stored(WEST))
    for steps in world.plan().steps.values():
        world.act(steps[0], error="no way")
    planned = world.plan()
    assert planned.routing is not None
    assert planned.routing.left == frozenset()
    assert ways(planned) == {"10.2.0.0/16": "unreachable"}


def test_a_restart_leaves_everything_until_it_is_taken_over() -> None:
    """Never again 7: a restart that loses routes."""
    world = World().put(stored(WEST, STANDBY))
    before = world.settle()
    world.restart()
    planned = world.plan()
    assert planned.routing is not None
    assert POD_CIDR in planned.routing.left
    assert "10.2.0.0/16" not in ways(planned)
    assert not any(isinstance(s, Disconnect) for steps in planned.steps.values() for s in steps)
    after = world.settle()
    assert (after.routing, after.carriers) == (before.routing, before.carriers)


def test_a_takeover_that_fails_leaves_what_forwards() -> None:
    world = World().put(stored(WEST))
    world.settle()
    world.restart()
    for steps in world.plan().steps.values():
        world.act(steps[0], error="no way")
    planned = world.plan()
    assert planned.routing is not None
    assert POD_CIDR in planned.routing.left


def restarted_while_the_standby_carries() -> World:
    """The leader did not answer, the standby carries, and the process is a new one."""
    world = World().put(stored(WEST, STANDBY))
    world.settle()
    world.verdicts = {WEST.cable_name: Verdict.DOWN, STANDBY.cable_name: Verdict.UP}
    before = world.settle()
    assert before.carriers == {"west": ("vxlan", STANDBY.cable_name)}
    assert before.routing is not None
    world.verdicts = {}
    world.restart()
    inherited = {one.id: one for one in before.routing.nexthops}
    world.state = replace(world.state, inherited=inherited)
    return world


def test_a_restart_goes_on_with_the_cable_that_carries_whichever_is_taken_over_first() -> None:
    world = restarted_while_the_standby_carries()
    (first, second), *_ = world.plan().steps.values()
    world.act(first)
    planned = world.plan()
    assert planned.carriers == {}
    assert planned.routing is not None
    assert POD_CIDR in planned.routing.left, "not sent to the leader meanwhile"
    world.act(second)
    assert world.plan().carriers == {"west": ("vxlan", STANDBY.cable_name)}
    world.verdicts = {WEST.cable_name: Verdict.DOWN, STANDBY.cable_name: Verdict.UP}
    assert world.settle(now=1.0).carriers == {"west": ("vxlan", STANDBY.cable_name)}


def test_a_restart_follows_a_leader_that_answers() -> None:
    world = restarted_while_the_standby_carries()
    assert world.settle().carriers == {"west": ("vxlan", STANDBY.cable_name)}
    world.verdicts = {WEST.cable_name: Verdict.UP, STANDBY.cable_name: Verdict.UP}
    assert world.settle(now=1.0).carriers == {"west": ("vxlan", WEST.cable_name)}


def test_a_restart_that_cannot_take_over_what_carries_follows_the_leader() -> None:
    world = restarted_while_the_standby_carries()
    (leader, standby), *_ = world.plan().steps.values()
    world.act(standby, error="no way")
    world.act(leader)
    assert world.plan().carriers == {"west": ("vxlan", WEST.cable_name)}


def test_cables_of_clusters_that_are_gone_are_removed() -> None:
    """Never again 9: peers and routes of clusters that are long gone."""
    world = World().put(stored(WEST))
    world.settle()
    world.store.delete(_ref(world, WEST), now=100.0)
    assert world.settle(now=105.0).carriers != {}
    planned = world.settle(now=120.0)
    assert (planned.clusters, planned.carriers, planned.probes) == ({}, {}, {})
    assert world.state.held == {}


def test_a_cable_left_by_an_earlier_process_to_nobody_we_know_is_removed() -> None:
    world = World().put(stored(WEST))
    world.settle()
    world.store.delete(_ref(world, WEST))
    world.store.view = replace(world.store.view, departed={})
    world.restart()
    world.settle()
    assert world.state.held == {}


def test_losing_the_lease_changes_no_cable_and_no_route() -> None:
    """Never again 4: a lost lease that tears tunnels down."""
    world = World().put(stored(WEST, STANDBY))
    before = world.settle()
    world.state = replace(world.state, leadership=replace(world.state.leadership, active=False))
    assert world.plan() == before


def test_the_passive_gateway_holds_the_same_cables_and_routes() -> None:
    """Never again 3, 17: nothing is left to be done when the standby takes over."""
    active, passive = World().put(stored(WEST, STANDBY)), World().put(stored(WEST, STANDBY))
    own = endpoint("east", 2, subnets=map(str, OWN.subnets), health_check_ip=OWN.health_check_ip)
    listed = (GatewayEntry(OWN, 0), GatewayEntry(own, 1))
    passive.put(stored_endpoint(OWN, epoch=3, gateways=listed))
    passive.state = replace(
        passive.state, own=LocalGateway(own, 1), leadership=replace(active.state.leadership)
    )
    assert passive.settle().routing == active.settle().routing
    assert set(passive.state.held) == set(active.state.held)


@pytest.mark.parametrize(
    "address",
    [
        IPv4Address("100.1.0.10"),
        IPv4Address("127.0.0.1"),
        IPv4Address("192.0.2.1"),
        IPv4Address("8.8.8.8"),
        IPv6Address("2001:db8::1"),
    ],
)
def test_a_health_check_address_outside_the_own_prefixes_takes_nobodys_traffic(address) -> None:
    """Never again 10: a hostile Endpoint neither stops the gateway nor diverts a /32."""
    world = World().put(stored(west(9, health_check_ip=address)))
    planned = world.settle()
    assert ways(planned) == {"10.2.0.0/16": "nexthop"}
    assert planned.routing is not None
    assert not any(rule.source for rule in planned.routing.rules)
    assert planned.probes == {WEST.cable_name: ProbePlan(WEST.private_ip, None, True)}


def test_a_probe_goes_to_the_cable_s_end_when_the_prefix_is_another_cluster_s() -> None:
    north = endpoint("north", 7, subnets=["10.2.0.0/16"])
    earlier = replace(stored(north), claimed="0001 north")
    both = west(9, subnets=["10.2.0.0/16", "10.3.0.0/16"])
    later = replace(stored(both), claimed="0002 west")
    planned = World().put(earlier, later).settle()
    assert planned.probes[WEST.cable_name].address == WEST.private_ip
    assert ways(planned) == {"10.2.0.0/16": "nexthop", "10.3.0.0/16": "nexthop"}


def test_a_cable_accepts_only_what_its_cluster_was_admitted() -> None:
    """A list of gateways may say anything of them: admission has judged the Endpoint."""
    north = replace(stored(endpoint("north", 7, subnets=["10.2.0.0/16"])), claimed="0001 north")
    both, liar = west(9, subnets=["10.2.5.0/24", "10.3.0.0/16"]), west(8, subnets=["10.2.0.0/16"])
    world = World().put(north, replace(stored(both, liar), claimed="0002 west"))
    world.settle()
    accepted = {
        name: held.cable.remote.subnets
        for (_, name), held in world.state.held.items()
        if held.cable is not None
    }
    assert accepted == {
        north.spec.cable_name: (ip_network("10.2.0.0/16"),),
        both.cable_name: (ip_network("10.3.0.0/16"),),
        liar.cable_name: (ip_network("10.3.0.0/16"),),
    }


def test_a_cluster_without_any_admitted_prefix_gets_no_cable_until_the_claim_is_free() -> None:
    north = replace(stored(endpoint("north", 7, subnets=["10.2.0.0/16"])), claimed="0001 north")
    world = World().put(north, replace(stored(WEST), claimed="0002 west"))
    world.settle()
    assert [name for _, name in world.state.held] == [north.spec.cable_name]
    world.put(replace(north, spec=endpoint("north", 7, subnets=["10.4.0.0/16"])))
    assert ways(world.settle())["10.2.0.0/16"] == "nexthop"
    assert {name for _, name in world.state.held} == {north.spec.cable_name, WEST.cable_name}


def test_an_own_address_is_no_prefix_of_anyone() -> None:
    world = World().put(stored(west(9, subnets=["192.0.2.0/24"])))
    planned = world.settle()
    assert planned.admission is not None
    assert [refusal.prefix for refusal in planned.admission.refused] == [
        ip_network("192.0.2.0/24")
    ]
    assert ways(planned) == {}


def test_another_driver_for_a_pair_takes_over_before_the_first_is_removed() -> None:
    """Never again 12: the first driver's cable has the same name and goes when routes moved."""
    world = World().put(stored(west(9, backend_config={"ipsec/order": "1"})))
    world.settle()
    world.done.clear()
    world.put(stored(west(9, backend="ipsec")))
    planned = world.settle()
    assert world.done == [
        f"connect ipsec {WEST.cable_name}",
        "route",
        f"disconnect vxlan {WEST.cable_name}",
    ]
    assert set(world.state.held) == {("ipsec", WEST.cable_name)}
    assert planned.routing is not None
    assert [one.device for one in planned.routing.nexthops] == ["ipsec-device"]


def test_a_missing_cable_means_not_ready() -> None:
    world = World().put(stored(WEST))
    for steps in world.plan().steps.values():
        world.act(steps[0], error="no way")
    world.state = replace(world.state, routing_error="")
    assert world.plan().reasons == (f"cluster west: cable {WEST.cable_name} is not up",)


def active_gateway(*connected: str) -> GatewayObject:
    """What another gateway of our cluster says: it leads, and has these cables up."""
    other = endpoint("east", 2)
    up = tuple(
        Connection(ConnectionStatus.CONNECTED, "", one)
        for one in (WEST, STANDBY)
        if one.cable_name in connected
    )
    status = Gateway("v", HAStatus.ACTIVE, other, connections=up, epoch=3)
    return GatewayObject(Metadata(other.hostname), status)


@pytest.mark.parametrize(("up", "ready"), [((WEST.cable_name,), False), ((), True)])
def test_a_remote_that_the_active_gateway_cannot_reach_either_makes_nobody_unready(
    up: tuple[str, ...], ready: bool
) -> None:
    """Never again 8: one unreachable remote would delay every failover."""
    world = World().put(stored(WEST))
    world.store.put(active_gateway(*up))
    world.state = replace(world.state, leadership=replace(world.state.leadership, active=False))
    for steps in world.plan().steps.values():
        world.act(steps[0], error="no way")
    world.state = replace(world.state, routing_error="")
    assert (world.plan().reasons == ()) is ready


def test_a_failed_driver_or_router_means_not_ready() -> None:
    world = World()
    assert world.plan().reasons == ("routing: not programmed yet",)
    world.state = replace(world.state, routing_error="", open_failures={"ipsec": "no daemon"})
    assert world.plan().reasons == ("cable driver ipsec: no daemon",)


def test_a_retry_and_nothing_else_wakes_the_plan() -> None:
    world = World().put(stored(WEST))
    assert world.settle().wake_at is None
    for steps in World().put(stored(WEST)).plan().steps.values():
        world.act(steps[0], error="no way", now=50.0)
    assert world.plan(50.1).wake_at == 50.5
    assert world.plan(50.1).steps == {}
    assert list(world.plan(50.6).steps) == ["west"]


def test_an_upstream_gateway_list_of_none_is_connected_by_the_leader_alone() -> None:
    upstream = stored_endpoint(WEST, origin="west")
    assert World().put(upstream).settle().carriers == {"west": ("vxlan", WEST.cable_name)}
    passive = World().put(upstream, stored_endpoint(endpoint("east", 2), epoch=9, created="9"))
    assert passive.plan().clusters["west"].cables.cables == ()
    assert stored_gateway(1).status.connections == ()
