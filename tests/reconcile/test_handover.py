"""Whom to hand the lead to, and when without being asked."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from submariner_core.api.cable import LocalGateway
from submariner_core.api.codec import encode
from submariner_core.api.model import (
    Cluster,
    Connection,
    ConnectionStatus,
    Gateway,
    GatewayObject,
    HAStatus,
    Metadata,
    RouteAgent,
    RouteAgentObject,
)
from submariner_core.api.naming import PINNED_ANNOTATION
from submariner_core.api.transport import Put, Snapshot
from submariner_core.reconcile.handover import better, reached, successors
from submariner_core.reconcile.state import Site, State
from submariner_core.reconcile.stores import StoreView, fold
from tests.reconcile.objects import endpoint, stored_cluster

UP, DOWN = ConnectionStatus.CONNECTED, ConnectionStatus.ERROR


def gateway(number: int, *clusters: str, **more: object) -> GatewayObject:
    """A ready gateway of east that reaches these clusters, and north not."""
    connections = [Connection(UP, "", endpoint(cluster, 9)) for cluster in clusters]
    connections.append(Connection(DOWN, "no reply", endpoint("north", 9)))
    spec = endpoint("east", number)
    status = Gateway(
        "1", HAStatus.PASSIVE, spec, "", tuple(connections), number, **{"ready": True, **more}
    )
    return GatewayObject(Metadata(spec.hostname), status)


def node(name: str, carries: str) -> RouteAgentObject:
    return RouteAgentObject(
        Metadata(name), RouteAgent("1", IPv4Address("172.31.9.9"), carries=carries)
    )


def state(*stored: GatewayObject | RouteAgentObject) -> State:
    """East's gateway 1, with these others in its datastore."""
    records = tuple(encode(one) for one in (gateway(1), *stored))
    view = fold(StoreView(), Snapshot(records), 0.0)
    site = Site(Cluster("east", (), ()), 2, {})
    return State(site, own=LocalGateway(endpoint("east", 1)), datastore=view)


def with_pin(before: State, host: str) -> State:
    """The same, with a pin noted on the stored Cluster."""
    noted = stored_cluster("east", 3, annotations={PINNED_ANNOTATION: host})
    return replace(before, datastore=fold(before.datastore, Put(encode(noted)), 0.0))


def hosts(found: tuple[GatewayObject, ...]) -> list[str]:
    return [one.status.local_endpoint.hostname for one in found]


def host(number: int) -> str:
    return endpoint("east", number).hostname


def test_the_standby_that_reaches_most_comes_first() -> None:
    found = successors(state(gateway(2, "west"), gateway(3, "west", "south")), 1.0)
    assert hosts(found) == [host(3), host(2)]


def test_nobody_who_is_dead_draining_or_not_ready_succeeds() -> None:
    lagging = gateway(2, "west", ready=False)
    leaving = gateway(3, "west", draining=True)
    assert successors(state(lagging, leaving), 1.0) == ()
    assert successors(state(gateway(2, "west")), 16.0) == ()


def test_a_named_successor_is_the_only_one() -> None:
    found = successors(state(gateway(2, "west"), gateway(3, "west")), 1.0, host(3))
    assert hosts(found) == [host(3)]
    assert reached(found[0]) == {"west"}


def test_a_standby_that_reaches_more_and_lacks_nothing_should_lead() -> None:
    found = better(state(gateway(2, "west", "south")), frozenset({"south"}), 1.0)
    assert found is not None
    assert found[0].status.local_endpoint.hostname == host(2)
    assert "reaches west" in found[1]


def test_a_standby_that_reaches_another_cluster_but_lacks_one_stays_standby() -> None:
    assert better(state(gateway(2, "west")), frozenset({"south"}), 1.0) is None
    assert better(state(gateway(2, "west")), frozenset({"west"}), 1.0) is None


def test_whom_most_nodes_send_through_should_lead() -> None:
    stored = (gateway(2), node("a", host(2)), node("b", host(2)), node("c", host(1)))
    found = better(state(*stored), frozenset(), 1.0)
    assert found is not None
    assert found[0].status.local_endpoint.hostname == host(2)
    assert "2 of 3 nodes" in found[1]


def test_half_of_the_nodes_are_not_most() -> None:
    stored = (gateway(2), node("a", host(2)), node("b", host(1)))
    assert better(state(*stored), frozenset(), 1.0) is None


def test_whom_a_node_sends_through_survives_the_store() -> None:
    view = state(replace(node("a", host(2)))).datastore
    assert view.route_agents()[0].status.carries == host(2)


def test_a_ready_standby_that_is_pinned_should_lead() -> None:
    found = better(with_pin(state(gateway(2), gateway(3, "west")), host(2)), frozenset(), 1.0)
    assert found is not None
    assert hosts((found[0],)) == [host(2)]
    assert found[1] == f"the lead is pinned to {host(2)}"


def test_the_pinned_gateway_keeps_the_lead_though_another_would_be_better() -> None:
    stored = (gateway(2, "west"), node("a", host(2)), node("b", host(2)))
    assert better(with_pin(state(*stored), host(1)), frozenset(), 1.0) is None


def test_while_the_pinned_one_is_not_ready_the_better_one_leads() -> None:
    stored = (gateway(2, "west"), gateway(3, "west", ready=False))
    found = better(with_pin(state(*stored), host(3)), frozenset(), 1.0)
    assert found is not None
    assert hosts((found[0],)) == [host(2)]
    assert "reaches west" in found[1]


def test_the_pinned_one_is_the_first_to_succeed() -> None:
    stored = (gateway(2, "west", "south"), gateway(3, "west"))
    found = successors(with_pin(state(*stored), host(3)), 1.0)
    assert hosts(found) == [host(3), host(2)]


def test_a_cordoned_leader_gives_the_lead_to_whoever_is_ready_pinned_or_not() -> None:
    cordoned = replace(with_pin(state(gateway(2)), host(1)), cordoned=True)
    found = better(cordoned, frozenset({"west"}), 1.0)
    assert found is not None
    assert (hosts((found[0],)), found[1]) == ([host(2)], "this node is cordoned")
    assert better(replace(state(), cordoned=True), frozenset(), 1.0) is None
