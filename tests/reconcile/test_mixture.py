"""Upstream's daemons beside ours are seen, and named."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from submariner_core.api.codec import encode
from submariner_core.api.model import Metadata, RouteAgent, RouteAgentObject
from submariner_core.api.transport import Kind, Record, Ref, Snapshot
from submariner_core.reconcile.election_identity import compose_identity, is_ours
from submariner_core.reconcile.mixture import mixture
from submariner_core.reconcile.stores import StoreView, fold

OURS = compose_identity("east-1", "0badcafe-0000", "12345678")
UPSTREAM = "east-1-submariner-gateway"


def agents(*records: Record) -> StoreView:
    return fold(StoreView(), Snapshot(records), 0.0)


def upstreams(node: str) -> Record:
    """As upstream writes it: without the node's address."""
    status = {"version": "v0.19", "statusFailure": "", "remoteEndpoints": []}
    return Record(Ref(Kind.ROUTE_AGENT, node), {"status": status})


def ours(node: str) -> Record:
    return encode(RouteAgentObject(Metadata(node), RouteAgent("1", ip_address("192.0.2.1"))))


def test_a_cluster_of_our_own_daemons_is_no_mixture() -> None:
    assert mixture(agents(ours("n1")), OURS) == ()
    assert mixture(agents(), OURS) == ()
    assert mixture(agents(), "") == ()


def test_nodes_with_upstreams_route_agents_are_named() -> None:
    (words,) = mixture(agents(ours("n1"), upstreams("n3"), upstreams("n2")), OURS)
    assert "route agents of n2, n3 are upstream's" in words
    assert "route agents first" in words


def test_a_lease_that_upstream_holds_is_named_and_that_no_agent_is_ours() -> None:
    none, held = mixture(agents(), UPSTREAM)
    assert "no node has a route agent of ours" in none
    assert UPSTREAM in held
    (only,) = mixture(agents(ours("n1")), UPSTREAM)
    assert only == held


def test_nothing_is_said_of_nodes_before_the_datastore_was_read() -> None:
    (held,) = mixture(replace(StoreView(), seen=False), UPSTREAM)
    assert UPSTREAM in held


def test_a_host_with_underscores_is_ours() -> None:
    assert is_ours(compose_identity("a_b", "0badcafe-0000", "12345678"))
    assert not is_ours("a_b-submariner-gateway")
