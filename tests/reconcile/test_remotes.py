"""The Endpoints in use of the other clusters, and how long a lost one is held."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from submariner_core.api.codec import encode
from submariner_core.api.model import Cluster, EndpointObject, GatewayEntry
from submariner_core.reconcile.remotes import holds, own_endpoint_object, remotes
from submariner_core.reconcile.state import Site, State
from submariner_core.reconcile.stores import Departed
from tests.reconcile.objects import endpoint, stored_cluster, stored_endpoint
from tests.reconcile.sync_world import Store

SITE = Site(Cluster("east", (), (ip_network("10.1.0.0/16"),)), 2, {})
WEST = endpoint("west", 9, subnets=["10.2.0.0/16"])
STANDBY = endpoint("west", 8, subnets=["10.2.0.0/16"])
ANSWERED = frozenset({WEST.cable_name})


def departed(since: float = 100.0, *, deleted: bool = False, number: int = 9) -> Departed:
    spec = endpoint("west", number, subnets=["10.2.0.0/16"])
    stored = stored_endpoint(spec, origin="west", gateways=(GatewayEntry(STANDBY, 1),))
    return Departed(stored, encode(stored), since, deleted)


def held_until(one: Departed, answered: frozenset[str]) -> float | None:
    """When the hold of ``one`` ends, as told just after it began."""
    return holds([one], [], answered, one.since)[1]


@pytest.mark.parametrize(
    ("deleted", "answered", "end"),
    [
        (False, ANSWERED, 700.0),
        (False, frozenset({STANDBY.cable_name}), 700.0),
        (False, frozenset({"another"}), 110.0),
        (True, ANSWERED, 110.0),
        (True, frozenset(), 110.0),
    ],
)
def test_a_lost_endpoint_is_held(deleted: bool, answered: frozenset[str], end: float) -> None:
    lost = departed(deleted=deleted)
    assert held_until(lost, answered) == end
    assert holds([lost], [], answered, end - 0.1)[0] == (lost.stored,)
    assert holds([lost], [], answered, end) == ((), None)


@pytest.mark.parametrize(("heir", "held"), [("10.2.7.0/24", False), ("10.3.0.0/16", True)])
def test_a_hold_ends_when_a_stored_record_claims_one_of_its_prefixes(
    heir: str, held: bool
) -> None:
    other = stored_endpoint(endpoint("north", 7, subnets=[heir]), origin="north")
    assert bool(holds([departed()], [other], ANSWERED, 101.0)[0]) is held


def test_of_two_lost_ones_the_latest_is_held_first() -> None:
    early, late = departed(100.0), departed(101.0, number=7)
    assert holds([early, late], [], ANSWERED, 102.0)[0] == (late.stored, early.stored)


def world(*stored: EndpointObject, epoch: int | None = None) -> tuple[Store, State]:
    store = Store()
    store.put(stored_cluster("west", epoch))
    for one in stored:
        store.put(one)
    store.snapshot()
    return store, State(SITE, datastore=store.view)


def test_the_endpoint_in_use_is_the_fenced_one_and_stale_is_shown() -> None:
    old = stored_endpoint(STANDBY, origin="west", epoch=4)
    _, state = world(old, epoch=5)
    (remote,) = remotes(state, frozenset(), 0.0)[0].values()
    assert (remote.endpoint.spec, remote.stale, remote.held) == (STANDBY, True, False)
    _, state = world(old, stored_endpoint(WEST, origin="west", epoch=5), epoch=5)
    (remote,) = remotes(state, frozenset(), 0.0)[0].values()
    assert (remote.endpoint.spec, remote.stale) == (WEST, False)


def test_a_lost_endpoint_stays_a_remote_while_it_is_held() -> None:
    store, _ = world(stored_endpoint(WEST, origin="west"))
    store.wipe(now=100.0)
    found, wake_at = remotes(State(SITE, datastore=store.view), ANSWERED, 101.0)
    assert ({name: one.held for name, one in found.items()}, wake_at) == ({"west": True}, 700.0)
    assert remotes(State(SITE, datastore=store.view), frozenset(), 111.0) == ({}, None)


def test_a_stored_endpoint_comes_before_a_held_one() -> None:
    store, _ = world(stored_endpoint(WEST, origin="west"))
    store.wipe(now=100.0)
    successor = endpoint("west", 7, subnets=["10.9.0.0/16"])
    store.put(stored_endpoint(successor, origin="west"), now=101.0)
    found, _ = remotes(State(SITE, datastore=store.view), ANSWERED, 102.0)
    assert [one.endpoint.spec for one in found.values()] == [successor]


def test_the_own_cluster_is_no_remote() -> None:
    own = stored_endpoint(endpoint("east", 1), epoch=3)
    _, state = world(own)
    assert remotes(state, frozenset(), 0.0) == ({}, None)
    assert own_endpoint_object(state) is not None
    copy = stored_endpoint(endpoint("east", 2), origin="east", epoch=9)
    _, state = world(own, copy)
    chosen = own_endpoint_object(state)
    assert chosen is not None
    assert chosen.spec == own.spec
