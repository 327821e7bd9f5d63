"""What the leader writes of its own cluster, to both stores, and in which order."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from submariner_core.api.cable import LocalGateway
from submariner_core.api.codec import encode
from submariner_core.api.model import Gateway, GatewayEntry, GatewayObject, HAStatus, Metadata
from submariner_core.api.transport import Record, Ref
from submariner_core.reconcile.sync import DeleteRecord, PutRecord, live_gateways
from tests.reconcile.objects import endpoint, stored_endpoint, stored_gateway
from tests.reconcile.sync_world import OWN, OWN_CLUSTER_REF, OWN_ENDPOINT_REF, World, refs

PUBLISHED = [f"+{OWN_CLUSTER_REF}", f"+{OWN_ENDPOINT_REF}"]
PEER = endpoint("east", 2, subnets=["100.1.0.0/16", "10.1.0.0/16"])
PEER_REF = Ref(OWN_ENDPOINT_REF.kind, "east-submariner-cable-east-192-0-2-2")


def test_the_cluster_raises_the_fence_before_the_endpoint_follows() -> None:
    planned = World().started().plan()
    assert refs(planned.datastore) == PUBLISHED
    assert refs(planned.broker) == PUBLISHED


def test_a_passive_gateway_writes_nothing() -> None:
    planned = World(active=False).started().plan()
    assert (planned.datastore, planned.broker, planned.conflicts) == ((), (), ())


def test_nothing_is_written_before_the_datastore_was_read() -> None:
    world = World()
    world.broker.snapshot()
    assert (world.plan().datastore, world.plan().broker) == ((), ())


def test_a_broker_that_is_away_holds_nothing_up() -> None:
    world = World()
    world.datastore.snapshot()
    assert refs(world.plan().datastore) == PUBLISHED
    assert world.plan().broker == ()


def test_what_is_published_carries_epoch_list_and_at_the_broker_the_label() -> None:
    world = World().started()
    world.settle()
    own, copy = world.datastore.endpoints(), world.broker.endpoints()
    assert own[OWN_ENDPOINT_REF.name].meta.origin is None
    assert copy[OWN_ENDPOINT_REF.name].meta.origin == "east"
    for stored in (own[OWN_ENDPOINT_REF.name], copy[OWN_ENDPOINT_REF.name]):
        assert (stored.spec, stored.epoch, stored.gateways) == (OWN, 5, world.gateways)


def test_nothing_is_written_when_nothing_differs() -> None:
    world = World().started()
    world.settle()
    planned = world.plan()
    assert (planned.datastore, planned.broker) == ((), ())


@pytest.mark.parametrize("change", ["epoch", "list", "subnets"])
def test_a_change_is_written_in_place(change: str) -> None:
    world = World().started()
    world.settle()
    created = world.broker.records[OWN_ENDPOINT_REF].created
    if change == "epoch":
        world.epoch = 6
    elif change == "list":
        world.gateways = (*world.gateways, GatewayEntry(PEER, 1))
    else:
        world.own = LocalGateway(replace(OWN, subnets=(ip_network("10.7.0.0/16"),)))
    assert f"+{OWN_ENDPOINT_REF}" in refs(world.plan().broker)
    world.settle()
    assert world.broker.records[OWN_ENDPOINT_REF].created == created


def test_labels_and_annotations_of_others_on_our_objects_stay() -> None:
    world = World().started()
    world.settle()
    record = world.datastore.records[OWN_ENDPOINT_REF]
    world.datastore.put(
        replace(record, labels={"team": "blue"}, annotations={**record.annotations, "note": "x"})
    )
    assert world.plan().datastore == ()
    world.epoch = 6
    world.settle()
    record = world.datastore.records[OWN_ENDPOINT_REF]
    assert (record.labels["team"], record.annotations["note"]) == ("blue", "x")


def test_objects_that_a_snapshot_lacks_are_put_again() -> None:
    world = World().started()
    world.settle()
    world.broker.wipe(now=9.0)
    assert refs(world.plan().broker) == PUBLISHED
    assert world.plan().datastore == ()


def test_the_predecessors_endpoint_goes_after_the_own_comes_at_the_broker_and_before_at_home() -> (
    None
):
    """Remotes have one all the time; upstream's route agents see one at a time."""
    world = World().started()
    world.datastore.put(stored_endpoint(PEER, epoch=4))
    world.broker.put(stored_endpoint(PEER, epoch=4, origin="east"))
    planned = world.plan()
    assert refs(planned.datastore) == [f"-{PEER_REF}", *PUBLISHED]
    assert refs(planned.broker) == [*PUBLISHED, f"-{PEER_REF}"]
    world.settle()
    assert set(world.broker.endpoints()) == {OWN_ENDPOINT_REF.name}


def test_an_upstream_zombies_endpoint_is_deleted_and_the_own_one_made_anew() -> None:
    """Upstream's peers follow the newest, so ours must be newer than what they saw last."""
    world = World().started()
    world.settle()
    before = world.broker.records[OWN_ENDPOINT_REF].created
    world.datastore.put(stored_endpoint(PEER))
    world.broker.put(stored_endpoint(PEER, origin="east"))
    anew = [f"-{OWN_ENDPOINT_REF}", f"+{OWN_ENDPOINT_REF}"]
    assert refs(world.plan().broker) == [*anew, f"-{PEER_REF}"]
    assert refs(world.plan().datastore) == [f"-{PEER_REF}", *anew]
    world.settle()
    assert world.broker.records[OWN_ENDPOINT_REF].created > before
    assert set(world.broker.endpoints()) == {OWN_ENDPOINT_REF.name}


def test_an_upstream_predecessors_older_endpoint_is_just_deleted() -> None:
    world = World().started()
    world.broker.put(stored_endpoint(PEER, origin="east"))
    assert refs(world.plan().broker) == [*PUBLISHED, f"-{PEER_REF}"]


def stranger(**fields: Any) -> Record:
    theirs = endpoint("east", 99, subnets=["10.77.0.0/16"])
    return encode(stored_endpoint(theirs, origin="east", **fields))


def test_somebody_else_with_our_cluster_id_is_reported_and_not_deleted() -> None:
    world = World().started()
    world.broker.put(stranger(epoch=9))
    planned = world.plan()
    assert planned.broker == ()
    (conflict,) = planned.conflicts
    assert "'east' is in use at the broker by gateway east-gw99 (192.0.2.99)" in conflict
    assert "submariner forget east" in conflict
    assert refs(planned.datastore) == PUBLISHED


def test_a_conflict_ends_when_the_stranger_leaves() -> None:
    world = World().started()
    world.broker.put(stranger())
    world.broker.delete(stranger().ref)
    assert (refs(world.plan().broker), world.plan().conflicts) == (PUBLISHED, ())


def test_a_gateway_that_our_datastore_knows_is_no_stranger() -> None:
    world = World().started()
    old = endpoint("east", 99, subnets=["10.77.0.0/16"])
    world.datastore.put(stored_endpoint(PEER, epoch=4, gateways=(GatewayEntry(old, 1),)))
    world.broker.put(stranger())
    assert (world.plan().conflicts, refs(world.plan().broker)[-1]) == ((), f"-{stranger().ref}")


def test_gateways_that_were_not_refreshed_for_15_s_are_deleted() -> None:
    world = World().started()
    world.settle()
    world.datastore.put(stored_gateway(2, "east"), now=10.0)
    world.datastore.put(stored_gateway(3, "east"), now=20.0)
    assert refs(world.plan(now=25.0).datastore) == []
    assert refs(world.plan(now=26.0).datastore) == ["-Gateway east-gw2"]
    assert [one.meta.name for one in live_gateways(world.datastore.view, 26.0)] == ["east-gw3"]


def test_the_own_gateway_is_not_deleted_however_old() -> None:
    world = World().started()
    world.settle()
    mine = Gateway("v", HAStatus.ACTIVE, OWN)
    world.datastore.put(GatewayObject(Metadata(OWN.hostname), mine), now=0.0)
    assert world.plan(now=99.0).datastore == ()


def test_while_the_datastore_is_away_no_gateway_counts_as_dead() -> None:
    world = World().started()
    world.settle()
    world.datastore.put(stored_gateway(2, "east"), now=10.0)
    world.datastore.lose()
    assert len(live_gateways(world.datastore.view, 500.0)) == 1
    assert world.plan(now=500.0).datastore == ()
    world.datastore.snapshot(now=500.0)
    assert len(live_gateways(world.datastore.view, 501.0)) == 1


def test_a_gateway_that_a_wiped_store_lacks_stays_listed_for_15_s() -> None:
    world = World().started()
    world.settle()
    world.datastore.put(stored_gateway(2, "east"), now=10.0)
    world.datastore.wipe(now=20.0)
    assert [one.meta.name for one in live_gateways(world.datastore.view, 35.0)] == ["east-gw2"]
    assert live_gateways(world.datastore.view, 36.0) == ()
    assert "-Gateway east-gw2" not in refs(world.plan(now=36.0).datastore)


def test_writes_are_values_that_compare() -> None:
    first, second = World().started().plan(), World().started().plan()
    assert first == second
    assert isinstance(first.datastore[0], PutRecord)
    assert DeleteRecord(PEER_REF) == DeleteRecord(PEER_REF)
