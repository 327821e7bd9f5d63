"""What a store holds, folded from what its watch tells."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.codec import encode
from submariner_core.api.model import EndpointObject, GatewayObject
from submariner_core.api.transport import Deleted, Kind, Put, Record, Ref, Snapshot
from submariner_core.reconcile.stores import REMEMBER, StoreView, fold, lose
from tests.reconcile.objects import (
    endpoint,
    stored_cluster,
    stored_endpoint,
    stored_gateway,
)

WEST = encode(stored_endpoint(endpoint("west", subnets=["10.2.0.0/16"]), origin="west"))
CLUSTER = encode(stored_cluster("west", 1))
GATEWAY = encode(stored_gateway(1))
BROKEN = replace(WEST, body={"spec": {"cluster_id": "west"}})


def folded(*events: object, view: StoreView | None = None, now: float = 0.0) -> StoreView:
    view = view or StoreView()
    for event in events:
        view = fold(view, event, now)  # type: ignore[arg-type]
    return view


def test_nothing_is_known_before_the_first_snapshot() -> None:
    view = folded(Put(WEST))
    assert (view.seen, view.connected) == (False, True)
    view = folded(Snapshot(()))
    assert (view.seen, view.connected, view.endpoints()) == (True, True, ())


def test_a_snapshot_is_all_there_is() -> None:
    view = folded(Snapshot((WEST, CLUSTER)), Snapshot((CLUSTER,)))
    assert view.endpoints() == ()
    assert [one.meta.name for one in view.clusters()] == ["west"]


def test_objects_are_in_the_order_of_their_names() -> None:
    many = [encode(stored_gateway(n)) for n in (3, 1, 2)]
    assert [g.meta.name for g in folded(Snapshot(tuple(many))).gateways()] == [
        "west-gw1",
        "west-gw2",
        "west-gw3",
    ]


def test_a_malformed_record_is_named_and_the_rest_goes_on() -> None:
    """Never again 10: a malformed object that stops the daemon."""
    view = folded(Snapshot((BROKEN, CLUSTER)))
    assert list(view.malformed) == [WEST.ref]
    assert "cable_name" in view.malformed[WEST.ref]
    assert view.endpoints() == ()
    assert len(view.clusters()) == 1
    assert view.has(WEST.ref)


def test_a_record_that_turns_malformed_leaves_what_was_in_force_until_it_is_mended() -> None:
    view = folded(Snapshot((WEST,)), Put(BROKEN))
    assert len(view.endpoints()) == 1
    assert WEST.ref in view.malformed
    view = folded(Put(WEST), view=view)
    assert view.malformed == {}
    assert folded(Put(BROKEN), Deleted(WEST.ref), view=view).endpoints() == ()


def test_a_lost_store_is_known_as_it_was() -> None:
    """Never again 5: an outage forgets nothing."""
    view = lose(folded(Snapshot((WEST,))), "no route")
    assert (view.connected, view.seen, view.reason) == (False, True, "no route")
    assert len(view.endpoints()) == 1
    back = folded(Snapshot((WEST,)), view=view)
    assert (back.connected, back.reason) == (True, "")


def test_what_departs_is_remembered_with_when_and_how() -> None:
    view = folded(Snapshot((WEST, CLUSTER)))
    live = folded(Deleted(WEST.ref), view=view, now=5.0).departed[WEST.ref]
    assert (live.since, live.deleted, live.record) == (5.0, True, WEST)
    wiped = folded(Snapshot(()), view=view, now=7.0).departed
    assert {ref: (one.since, one.deleted) for ref, one in wiped.items()} == {
        WEST.ref: (7.0, False),
        CLUSTER.ref: (7.0, False),
    }


def test_what_a_snapshot_lacks_is_missing_for_a_while_and_what_was_deleted_is_not() -> None:
    view = folded(Snapshot((GATEWAY, WEST)))
    wiped = folded(Snapshot(()), view=view, now=7.0)
    (missing,) = wiped.missing(GatewayObject, 20.0, 15.0)
    assert missing.meta.name == GATEWAY.ref.name
    assert wiped.missing(GatewayObject, 23.0, 15.0) == ()
    deleted = folded(Deleted(GATEWAY.ref), Deleted(WEST.ref), view=view, now=7.0)
    assert deleted.missing(GatewayObject, 8.0, 15.0) == ()
    assert deleted.missing(EndpointObject, 8.0, 15.0) == ()
    back = folded(Snapshot((GATEWAY,)), view=wiped, now=8.0)
    assert back.missing(GatewayObject, 8.0, 15.0) == ()


def test_what_comes_back_has_not_departed() -> None:
    view = folded(Snapshot((WEST,)), Deleted(WEST.ref), Put(WEST))
    assert view.departed == {}


def test_deleted_gateways_are_not_remembered_and_nothing_is_for_ever() -> None:
    """Never again 9: status of what is long gone."""
    view = folded(Snapshot((GATEWAY, WEST)), Deleted(GATEWAY.ref), Deleted(WEST.ref))
    assert list(view.departed) == [WEST.ref]
    later = folded(Deleted(GATEWAY.ref), view=view, now=REMEMBER + 1)
    assert later.departed == {}


def test_a_heartbeat_counts_as_a_change_though_nothing_differs() -> None:
    """Never again 13: life is judged by when a record came, on this machine's clock."""
    view = folded(Snapshot((GATEWAY,)), now=1.0)
    again = fold(view, Put(GATEWAY), 9.0)
    assert again.changed[GATEWAY.ref] == 9.0
    assert again.gateways() == view.gateways()


def test_after_a_gap_every_record_counts_as_changed_now() -> None:
    view = folded(Snapshot((GATEWAY, WEST)), now=1.0)
    assert set(folded(Snapshot((GATEWAY,)), view=view, now=50.0).changed.values()) == {50.0}


records = st.sampled_from([WEST, BROKEN, CLUSTER, GATEWAY])
events = st.one_of(
    st.builds(Put, records),
    st.builds(lambda record: Deleted(record.ref), records),
    st.builds(
        lambda chosen: Snapshot(tuple({one.ref: one for one in chosen}.values())),
        st.lists(records),
    ),
)


@given(st.lists(events, max_size=12))
def test_a_view_holds_what_the_store_holds_however_it_came_there(told: list[object]) -> None:
    """The record refused, or in force, or both; nothing else, and never what is not stored."""
    stored: dict[Ref, Record] = {}
    view = StoreView()
    for now, event in enumerate(told):
        view = fold(view, event, float(now))  # type: ignore[arg-type]
        match event:
            case Put(record):
                stored[record.ref] = record
            case Deleted(ref):
                stored.pop(ref, None)
            case Snapshot(all_of_them):
                stored = {record.ref: record for record in all_of_them}
    assert {*view.records, *view.malformed} == set(stored)
    assert view.records.keys() == view.objects.keys()
    assert view.changed.keys() == stored.keys()
    assert not view.departed.keys() & stored.keys()
    for ref, record in stored.items():
        assert (ref in view.malformed) == (record is BROKEN)
        assert ref in view.malformed or view.records[ref] == record
    held = (Kind.CLUSTER, Kind.ENDPOINT)
    assert all(ref.kind in held or not one.deleted for ref, one in view.departed.items())
