"""Which flows are handed over, and which are taken."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from submariner_core.api.flow import TCP, Flow, FlowState, Way
from submariner_core.api.model import Cluster
from submariner_core.reconcile.admission import Admission
from submariner_core.reconcile.flows import from_remotes, service_networks, unknown
from submariner_core.reconcile.plan import Plan
from submariner_core.reconcile.state import Site, State

SERVICES = IPv4Network("100.1.0.0/16")
STATE = State(Site(Cluster("east", (SERVICES,), (IPv4Network("10.1.0.0/16"),)), 2, {}))
PLAN = Plan(
    admission=Admission(
        {"west": (IPv4Network("10.2.0.0/16"),), "north": (IPv4Network("10.3.0.0/24"),)}
    )
)


def flow(
    client: str = "10.2.3.4",
    service: str = "100.1.0.10",
    server: str = "10.1.3.2",
    left: int = 100,
    port: int = 40000,
) -> Flow:
    here = IPv4Address(client)
    return Flow(
        TCP,
        Way(here, port, IPv4Address(service), 80),
        Way(IPv4Address(server), 7000, here, port),
        FlowState.ESTABLISHED,
        left,
    )


def test_flows_go_by_the_own_services() -> None:
    assert service_networks(STATE) == (SERVICES,)


def test_only_flows_from_remotes_to_own_services_are_handed_over() -> None:
    west, north = flow(), flow("10.3.0.7")
    others = (
        flow("10.1.3.9"),  # an own pod
        flow("10.3.1.7"),  # next to an admitted prefix
        flow("192.0.2.1"),
        flow(service="10.1.3.2"),  # a pod of ours
        flow(service="100.2.0.10"),  # another cluster's service
    )
    assert from_remotes(STATE, PLAN, (*others, west, north)) == (west, north)
    assert from_remotes(STATE, Plan(), (west,)) == ()


def test_what_was_used_last_comes_first() -> None:
    flows = [flow(port=port, left=left) for port, left in ((1, 5), (2, 500), (3, 50))]
    assert [one.left for one in from_remotes(STATE, PLAN, flows)] == [500, 50, 5]


def test_a_flow_that_nobody_knows_is_made() -> None:
    other = flow(port=1)
    assert unknown((flow(),), (other,)) == (flow(),)


def test_a_flow_that_is_translated_so_already_is_left_alone() -> None:
    assert unknown((flow(left=100),), (flow(left=1),)) == ()


def test_of_two_connections_from_one_port_the_one_used_last_stands() -> None:
    here = flow(server="10.1.9.9", left=50)
    assert unknown((flow(left=100),), (here,)) == (flow(left=100),)
    assert unknown((flow(left=100),), (replace(here, left=200),)) == ()
