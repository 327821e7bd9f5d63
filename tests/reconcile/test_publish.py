"""What a gateway says of itself."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from submariner_core.api.cable import CableState
from submariner_core.api.codec import decode, encode
from submariner_core.api.model import Connection, ConnectionStatus, GatewayObject, HAStatus
from submariner_core.api.transport import Kind, Ref
from submariner_core.reconcile import state as states
from submariner_core.reconcile.health import Health, enough, lost, replied
from submariner_core.reconcile.paths import Verdict
from submariner_core.reconcile.publish import connections, gateway_object
from tests.reconcile.objects import endpoint, stored_cluster, stored_endpoint
from tests.reconcile.plan_world import OWN, World, stored, west

WEST, STANDBY = west(9), west(8)
CONNECTED, CONNECTING, ERROR, NONE = (
    ConnectionStatus.CONNECTED,
    ConnectionStatus.CONNECTING,
    ConnectionStatus.ERROR,
    ConnectionStatus.NONE,
)
ANSWERED = replied(Health(), 2_000_000)


def silent(misses: int = enough(3)) -> Health:
    health = ANSWERED
    for _ in range(misses):
        health = lost(health, 3)
    return health


def seen(world: World, status: ConnectionStatus = CONNECTED, message: str = "") -> World:
    """The driver reports the cable to west."""
    reported = CableState(WEST.cable_name, status, message)
    world.state = states.observed(world.state, "vxlan", (reported,))
    return world


def only(world: World, health: Health | None = None) -> Connection:
    """The one connection that the gateway reports."""
    probed = {} if health is None else {WEST.cable_name: health}
    (one,) = connections(world.state, world.plan(), probed)
    return one


def connected_world() -> World:
    world = World().put(stored(WEST))
    world.settle()
    return seen(world)


def test_a_cable_that_is_up_and_answered_is_connected() -> None:
    one = only(connected_world(), ANSWERED)
    assert (one.status, one.status_message, one.endpoint) == (CONNECTED, "", WEST)
    assert (one.using_ip, one.using_nat) == (WEST.private_ip, False)
    assert one.latency is not None
    assert one.latency.last == 2_000_000


@pytest.mark.parametrize(
    ("health", "status"), [(Health(), CONNECTING), (silent(), ERROR), (ANSWERED, CONNECTED)]
)
def test_connected_means_that_packets_pass(health: Health, status: ConnectionStatus) -> None:
    """Never again 6: "connected" while no packet passes."""
    assert only(connected_world(), health).status is status


def test_an_error_names_the_cause_and_ends_when_it_does() -> None:
    """Never again 6: "error" that never recovers."""
    world = World().put(stored(WEST))
    for steps in world.plan().steps.values():
        world.act(steps[0], error="no such device")
    assert (only(world).status, only(world).status_message) == (ERROR, "no such device")
    world.settle(now=60.0)
    assert only(seen(world), ANSWERED).status is CONNECTED


def test_a_cable_that_is_being_made_is_connecting() -> None:
    world = World().put(stored(WEST))
    assert only(world).status is CONNECTING
    world.settle()
    assert only(world).status_message == "the driver has not reported it yet"


def test_what_the_driver_says_is_said() -> None:
    world = connected_world()
    one = only(seen(world, ERROR, "authentication failed"))
    assert (one.status, one.status_message) == (ERROR, "authentication failed")


def test_no_common_driver_is_an_error_that_names_both_lists() -> None:
    one = only(World().put(stored(west(9, backend="wireguard"))))
    assert one.status is ERROR
    assert "wireguard" in one.status_message
    assert "vxlan" in one.status_message


def test_what_a_gateway_need_not_connect_is_no_error() -> None:
    """Never again 15: a healthy standby shown with errors."""
    world = World().put(stored_endpoint(WEST, origin="west"))
    world.put(stored_endpoint(endpoint("east", 2), epoch=9, gateways=()))
    assert only(world).status is NONE


def test_a_stale_and_a_held_endpoint_are_marked() -> None:
    world = connected_world()
    world.store.put(stored_cluster("west", epoch=7))
    assert "(stale epoch)" in only(world, ANSWERED).status_message
    world = connected_world()
    world.verdicts[WEST.cable_name] = Verdict.UP
    world.store.records = {
        ref: one for ref, one in world.store.records.items() if "west" not in ref.name
    }
    world.store.snapshot(now=5.0)
    world.plan(now=6.0)
    planned = world.plan(now=6.0)
    (one,) = connections(world.state, planned, {WEST.cable_name: ANSWERED})
    assert "(held: its record is missing from the store)" in one.status_message


def published(world: World, **more: object) -> GatewayObject:
    made = gateway_object(world.state, world.plan(), {}, version="v", timestamp=1, **more)
    assert made is not None
    decoded = decode(encode(made))
    assert isinstance(decoded, GatewayObject)
    return decoded


def test_nothing_is_said_before_the_devices_are_open() -> None:
    world = World()
    world.state = replace(world.state, own=None)
    assert gateway_object(world.state, world.plan(), {}, version="v", timestamp=1) is None


def test_a_leader_says_its_epoch_and_a_passive_one_does_not() -> None:
    world = connected_world()
    status = published(world).status
    assert (status.ha_status, status.epoch, status.ready) == (HAStatus.ACTIVE, 3, True)
    world.state = replace(world.state, leadership=replace(world.state.leadership, active=False))
    status = published(world).status
    assert (status.ha_status, status.epoch, status.ready) == (HAStatus.PASSIVE, None, True)


def test_refusals_failures_and_conflicts_are_said_in_one_line() -> None:
    world = World().put(stored(west(9, subnets=["10.1.7.0/24", "10.2.0.0/16"])))
    world.settle()
    world.state = replace(world.state, open_failures={"ipsec": "no daemon"})
    failure = published(world, failure="cluster id in use").status.status_failure
    assert failure.startswith(
        "cluster id in use; cable driver ipsec: no daemon; west: 10.1.7.0/24"
    )
    assert "\n" not in failure
    assert ip_network("10.2.0.0/16") in world.plan().clusters["west"].prefixes


def test_records_that_cannot_be_read_are_named_with_their_store_and_not_without_end() -> None:
    world = World()
    found = {
        Ref(Kind.ENDPOINT, f"e{n}"): f"Endpoint e{n}: spec: {'x' * 900}" for n in range(9)
    } | {Ref(Kind.ROUTE_AGENT, "node"): "upstream's"}
    datastore = replace(world.state.datastore, malformed=found)
    world.state = replace(world.state, datastore=datastore)
    failure = published(world).status.status_failure
    assert failure.startswith("datastore: Endpoint e0: spec: xxx")
    assert failure.endswith("and 4 more records")
    assert "upstream's" not in failure
    assert len(failure) < 1500


def test_a_prefix_of_another_cluster_is_named_on_the_connections_that_claim_it() -> None:
    north = endpoint("north", 7, subnets=["10.2.0.0/16"])
    part = endpoint("part", 6, subnets=["10.2.5.0/24", "10.3.0.0/16"])
    world = World().put(
        *(
            replace(stored(one), claimed=f"{number} {one.cluster_id}")
            for number, one in enumerate((north, part, WEST))
        )
    )
    world.settle()
    first, some, none = connections(world.state, world.plan(), {})
    assert first.endpoint == north
    assert "refused" not in first.status_message
    told = "(10.2.5.0/24 refused: it overlaps 10.2.0.0/16 of cluster 'north'"
    assert told in some.status_message
    assert some.endpoint.subnets == (ip_network("10.3.0.0/16"),)
    assert none.status is ERROR
    assert none.status_message.startswith(
        "none of its prefixes is admitted (10.2.0.0/16 refused: it overlaps"
    )


def test_the_object_is_named_after_the_host_as_an_object_can_be() -> None:
    world = connected_world()
    odd = replace(OWN, hostname="Node_1.Example")
    world.state = replace(world.state, own=replace(world.state.own, endpoint=odd))
    assert published(world).meta.name == "node-1.example"


def test_a_gateway_that_drains_says_so() -> None:
    assert published(connected_world(), draining=True).status.draining
