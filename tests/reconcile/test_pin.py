"""The operator's pin: where it is kept, and for how long."""

from __future__ import annotations

from dataclasses import replace

from submariner_core.api.cable import LocalGateway
from submariner_core.api.codec import encode
from submariner_core.api.model import Cluster, GatewayEntry
from submariner_core.api.naming import PINNED_ANNOTATION
from submariner_core.api.transport import Kind, Record, Snapshot
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.pin import pinned, settle_pin
from submariner_core.reconcile.state import Site, State
from submariner_core.reconcile.stores import StoreView, fold
from submariner_core.reconcile.sync import PutRecord, sync
from tests.reconcile.objects import endpoint, stored_cluster

OWN = endpoint("east", 1)


def leader(*stored: Record) -> State:
    """East's gateway 1, which leads with epoch 3; ``stored`` is in its datastore."""
    return State(
        Site(Cluster("east", (), ()), 2, {}),
        own=LocalGateway(OWN),
        leadership=Leadership(True, 3),
        datastore=fold(StoreView(), Snapshot(stored), 0.0),
        broker=fold(StoreView(), Snapshot(()), 0.0),
    )


def cluster(pin: str = "", **others: str) -> Record:
    notes = {PINNED_ANNOTATION: pin} if pin else {}
    return encode(stored_cluster("east", 3, annotations={**others, **notes}))


def written(state: State) -> tuple[dict[str, str] | None, dict[str, str] | None]:
    """The annotations with which the Cluster is written to datastore and broker, if it is."""
    found = sync(state, (GatewayEntry(OWN, 0),), frozenset(), 1.0)
    puts = [
        [w.record for w in one if isinstance(w, PutRecord) and w.record.ref.kind is Kind.CLUSTER]
        for one in (found.datastore, found.broker)
    ]
    datastore, broker = (dict(one[0].annotations) if one else None for one in puts)
    return datastore, broker


def test_a_pin_is_noted_on_the_cluster_in_the_datastore_and_not_at_the_broker() -> None:
    datastore, broker = written(replace(leader(cluster()), pin="east-gw2"))
    assert datastore == {"submariner.io/epoch": "3", PINNED_ANNOTATION: "east-gw2"}
    assert broker == {"submariner.io/epoch": "3"}


def test_a_stored_pin_stays_whoever_leads() -> None:
    state = leader(cluster("east-gw2"))
    assert pinned(state) == "east-gw2"
    assert written(state)[0] is None, "there is nothing to change"
    raised = replace(state, leadership=Leadership(True, 4))
    assert written(raised)[0] == {"submariner.io/epoch": "4", PINNED_ANNOTATION: "east-gw2"}


def test_off_takes_the_note_away_and_nothing_else() -> None:
    state = replace(leader(cluster("east-gw2", theirs="stays")), pin="")
    assert pinned(state) == ""
    assert written(state)[0] == {"submariner.io/epoch": "3", "theirs": "stays"}


def test_what_is_stored_counts_once_the_operators_word_is_stored() -> None:
    told = replace(leader(cluster("east-gw2")), pin="east-gw3")
    assert settle_pin(told) is told
    settled = settle_pin(replace(told, pin="east-gw2"))
    assert (settled.pin, pinned(settled)) == (None, "east-gw2")


def test_a_pin_survives_a_datastore_that_was_wiped() -> None:
    state = leader(cluster("east-gw2"))
    wiped = replace(state, datastore=fold(state.datastore, Snapshot(()), 1.0))
    assert pinned(wiped) == "east-gw2"
    assert (written(wiped)[0] or {})[PINNED_ANNOTATION] == "east-gw2"
