"""The other clusters' objects: copied from the broker, claimed, held, and removed."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.codec import encode
from submariner_core.api.model import (
    Cluster,
    ClusterObject,
    EndpointObject,
    GatewayEntry,
    Metadata,
    RouteAgent,
    RouteAgentObject,
)
from submariner_core.api.transport import Kind, Ref
from submariner_core.reconcile.admission import claim_key
from tests.reconcile.objects import endpoint, stored_cluster, stored_endpoint
from tests.reconcile.sync_world import OWN_CLUSTER_REF, OWN_ENDPOINT_REF, World, refs

WEST = endpoint("west", 9, subnets=["10.2.0.0/16"])
WEST_CLUSTER_REF = Ref(Kind.CLUSTER, "west")
WEST_REF = Ref(Kind.ENDPOINT, "west-submariner-cable-west-192-0-2-9")
HEIR = endpoint("north", 8, subnets=["10.2.0.0/24"])


def west(**fields: Any) -> EndpointObject:
    return stored_endpoint(WEST, origin="west", **fields)


def foreign_cluster(cluster_id: str) -> ClusterObject:
    return ClusterObject(Metadata(cluster_id, origin=cluster_id), Cluster(cluster_id, (), ()))


def joined() -> World:
    """``west`` has joined and is copied."""
    world = World().started()
    world.broker.put(foreign_cluster("west"))
    world.broker.put(west(epoch=2, gateways=(GatewayEntry(WEST, 0),)))
    world.settle()
    return world


def test_another_clusters_objects_are_copied_with_label_and_claim() -> None:
    world = joined()
    copy = world.datastore.endpoints()[WEST_REF.name]
    assert (copy.meta.origin, copy.epoch, copy.spec) == ("west", 2, WEST)
    assert copy.gateways == (GatewayEntry(WEST, 0),)
    assert copy.claimed == claim_key(world.broker.records[WEST_CLUSTER_REF].created, "west")
    assert world.datastore.records[WEST_CLUSTER_REF].labels == {"submariner-io/clusterID": "west"}


def test_a_copy_carries_what_a_newer_peer_wrote_to_the_letter() -> None:
    world = World().started()
    record = encode(west())
    spec: Any = record.body["spec"]
    newer = replace(
        record, body={"spec": {**spec, "healthCheckIPs": ["10.2.0.1"]}, "more": {"x": 1}}
    )
    world.broker.put(newer)
    world.settle()
    assert world.datastore.records[WEST_REF].body == newer.body


def test_a_change_at_the_broker_is_copied_and_the_first_claim_kept() -> None:
    world = joined()
    claimed = world.datastore.endpoints()[WEST_REF.name].claimed
    world.broker.delete(WEST_CLUSTER_REF)
    world.broker.put(foreign_cluster("west"))
    world.broker.put(west(epoch=3))
    world.settle()
    copy = world.datastore.endpoints()[WEST_REF.name]
    assert (copy.epoch, copy.claimed) == (3, claimed)


def test_a_new_leader_of_another_cluster_inherits_its_claim() -> None:
    world = joined()
    claimed = world.datastore.endpoints()[WEST_REF.name].claimed
    successor = endpoint("west", 7, subnets=["10.2.0.0/16"])
    world.broker.put(stored_endpoint(successor, origin="west", epoch=3))
    world.broker.delete(WEST_REF)
    world.settle()
    (copy,) = (e for e in world.datastore.endpoints().values() if e.spec.cluster_id == "west")
    assert (copy.spec, copy.claimed) == (successor, claimed)


def test_a_copy_notes_the_prefixes_that_hold_an_address_of_this_cluster() -> None:
    """Nodes know few of each other's addresses; their leader knows all."""
    world = joined()
    node = RouteAgent("v", address=ip_address("172.16.1.3"))
    world.datastore.put(RouteAgentObject(Metadata("node-3"), node))
    prefixes = ["10.2.0.0/16", "172.16.1.0/28", "172.16.2.0/24"]
    hostile = endpoint("west", 9, subnets=prefixes)
    own = (ip_network("172.16.2.0/24"),)
    world.broker.put(stored_endpoint(hostile, origin="west", refused=own))
    world.settle()
    copy = world.datastore.endpoints()[WEST_REF.name]
    assert (copy.spec, copy.refused) == (hostile, (ip_network("172.16.1.0/28"),))

    world.datastore.delete(Ref(Kind.ROUTE_AGENT, "node-3"))
    world.settle()
    assert world.datastore.endpoints()[WEST_REF.name].refused == ()


def test_own_objects_and_objects_without_an_origin_are_never_copied() -> None:
    world = World().started()
    world.broker.put(stored_endpoint(WEST))
    world.settle()
    assert set(world.datastore.records) == {OWN_CLUSTER_REF, OWN_ENDPOINT_REF}


def test_a_record_under_another_objects_name_is_refused_and_reported() -> None:
    """A peer cannot overwrite our objects, or another cluster's, with a copy of its own."""
    world = World().started()
    hostile = replace(west(), meta=Metadata(OWN_ENDPOINT_REF.name, origin="west"))
    world.broker.put(hostile)
    world.broker.put(replace(foreign_cluster("west"), meta=Metadata("north", origin="west")))
    planned = world.plan()
    assert refs(planned.datastore) == [f"+{OWN_CLUSTER_REF}", f"+{OWN_ENDPOINT_REF}"]
    assert any(OWN_ENDPOINT_REF.name in conflict for conflict in planned.conflicts)


def test_a_cluster_whose_id_differs_from_ours_in_case_alone_is_not_copied() -> None:
    world = World().started()
    world.broker.put(stored_cluster("East"))
    world.broker.put(replace(foreign_cluster("East"), meta=Metadata("east", origin="East")))
    world.settle()
    assert world.datastore.records[OWN_CLUSTER_REF].labels == {}


def test_a_malformed_record_is_skipped_and_its_copy_stays() -> None:
    world = joined()
    record = world.broker.records[WEST_REF]
    world.broker.put(replace(record, body={"spec": {"cluster_id": 7}}))
    planned = world.plan()
    assert (planned.datastore, planned.broker) == ((), ())
    assert WEST_REF in world.broker.view.malformed


def test_the_copies_of_a_cluster_that_left_are_deleted_after_ten_seconds() -> None:
    world = joined()
    world.broker.delete(WEST_REF, now=100.0)
    world.broker.delete(WEST_CLUSTER_REF, now=100.0)
    assert world.plan(now=109.0).datastore == ()
    world.settle(now=110.0)
    assert set(world.datastore.records) == {OWN_CLUSTER_REF, OWN_ENDPOINT_REF}


@pytest.mark.parametrize("answered", [[WEST.cable_name], []])
def test_an_endpoint_deleted_live_is_held_ten_seconds(answered: list[str]) -> None:
    world = joined()
    world.broker.delete(WEST_REF, now=100.0)
    held = world.plan(answered, now=109.9)
    assert (held.datastore, held.wake_at) == ((), 110.0)
    assert refs(world.plan(answered, now=110.0).datastore) == [f"-{WEST_REF}"]


def test_a_wiped_broker_is_ridden_out_for_ten_minutes_while_probes_are_answered() -> None:
    world = joined()
    answered = [WEST.cable_name]
    world.broker.wipe(now=100.0)
    held = world.plan(answered, now=699.0)
    assert (refs(held.datastore), held.wake_at) == ([], 700.0)
    gone = [f"-{WEST_CLUSTER_REF}", f"-{WEST_REF}"]
    assert refs(world.plan(answered, now=700.0).datastore) == gone
    assert refs(world.plan([], now=110.0).datastore) == gone


def test_a_leader_that_never_saw_the_lost_record_holds_its_copy_from_the_snapshot_on() -> None:
    before = joined()
    world = World()
    world.datastore.records = dict(before.datastore.records)
    world.datastore.snapshot(now=50.0)
    world.broker.snapshot(now=100.0)
    answered = [WEST.cable_name]
    assert refs(world.plan(answered, now=699.0).datastore) == []
    assert len(world.plan(answered, now=700.0).datastore) == 2


def test_a_hold_ends_at_once_when_a_stored_record_claims_its_prefixes() -> None:
    world = joined()
    world.broker.wipe(now=100.0)
    world.broker.put(stored_endpoint(HEIR, origin="north"), now=101.0)
    assert f"-{WEST_REF}" in refs(world.plan([WEST.cable_name], now=101.0).datastore)


def test_a_broker_that_is_away_takes_no_copy_along() -> None:
    world = joined()
    world.broker.lose()
    assert world.plan(now=10_000.0).datastore == ()


numbers = st.integers(1, 3)
broker_records = st.lists(
    st.one_of(
        st.builds(
            lambda cluster, n, epoch: stored_endpoint(
                endpoint(cluster, n, subnets=["10.9.0.0/16"]), origin=cluster, epoch=epoch
            ),
            st.sampled_from(["east", "west", "north"]),
            numbers,
            st.none() | st.integers(1, 5),
        ),
        st.sampled_from(["east", "west", "north"]).map(foreign_cluster),
    ),
    max_size=8,
)
local_records = st.lists(
    st.builds(
        lambda cluster, n, epoch: stored_endpoint(
            endpoint(cluster, n, subnets=["10.1.0.0/16"]),
            origin=None if cluster == "east" else cluster,
            epoch=epoch,
        ),
        st.sampled_from(["east", "west", "south"]),
        numbers,
        st.none() | st.integers(1, 5),
    ),
    max_size=6,
)


@given(broker_records, local_records)
def test_whatever_the_stores_hold_the_leaders_writes_settle(
    at_broker: list[Any], local: list[Any]
) -> None:
    world = World().started()
    for stored in at_broker:
        world.broker.put(stored)
    for stored in local:
        world.datastore.put(stored)
    end = world.settle(now=10.0)
    mine = [e for e in world.datastore.endpoints().values() if e.spec.cluster_id == "east"]
    assert [e.meta.name for e in mine] == [OWN_ENDPOINT_REF.name]
    foreign = {n for n, e in world.datastore.endpoints().items() if e.spec.cluster_id != "east"}
    offered = {n for n, e in world.broker.endpoints().items() if e.spec.cluster_id != "east"}
    assert foreign == offered
    if not end.conflicts:
        east = [e for e in world.broker.endpoints().values() if e.spec.cluster_id == "east"]
        assert [e.meta.name for e in east] == [OWN_ENDPOINT_REF.name]
