"""Whom a stored record stops."""

from __future__ import annotations

import pytest

from submariner_core.api.codec_annotations import MAX_EPOCH, stored_epoch
from submariner_core.api.errors import StaleEpoch, StoreError
from submariner_core.api.fencing import check_fence, guard_of
from submariner_core.api.naming import CLUSTER_ID_LABEL, EPOCH_ANNOTATION
from submariner_core.api.transport import Fence, Kind, Ref

ENDPOINT, GUARD = Ref(Kind.ENDPOINT, "a"), Ref(Kind.CLUSTER, "east-1")
THREE = {EPOCH_ANNOTATION: "3"}


def stopped(stored: Ref, origin: str | None, epoch: int) -> bool:
    labels = {} if origin is None else {CLUSTER_ID_LABEL: origin}
    try:
        check_fence(Fence("East_1", epoch), stored, labels, THREE)
    except StaleEpoch:
        return True
    return False


@pytest.mark.parametrize("stored", [ENDPOINT, GUARD])
@pytest.mark.parametrize("origin", [None, "East_1"])
def test_only_an_epoch_below_the_stored_one_is_stopped(stored: Ref, origin: str | None) -> None:
    assert [stopped(stored, origin, epoch) for epoch in (2, 3, 4)] == [True, False, False]


def test_a_copy_of_another_clusters_record_stops_nobody_unless_it_is_the_guard() -> None:
    assert not stopped(ENDPOINT, "west", 2)
    assert stopped(GUARD, "west", 2)


def test_the_refusal_tells_both_epochs_and_the_cluster() -> None:
    with pytest.raises(StaleEpoch) as refusal:
        check_fence(Fence("East_1", 2), ENDPOINT, {}, THREE)
    assert (refusal.value.stored, refusal.value.offered) == (3, 2)
    assert refusal.value.cluster_id == "East_1"


def test_nobody_is_stopped_without_a_fence() -> None:
    check_fence(None, GUARD, {}, THREE)


def test_a_fence_of_no_possible_cluster_is_refused_by_name() -> None:
    with pytest.raises(StoreError, match="fence of cluster ''"):
        guard_of(Fence("", 1))


@pytest.mark.parametrize("text", ["", "-3", "007", "3.0", "٧", str(MAX_EPOCH), "9" * 400])
def test_what_readers_refuse_is_no_epoch(text: str) -> None:
    assert stored_epoch({EPOCH_ANNOTATION: text}) is None


def test_no_epoch_but_the_annotation_counts() -> None:
    assert stored_epoch({}) is None
    assert stored_epoch({EPOCH_ANNOTATION: str(MAX_EPOCH - 1)}) == MAX_EPOCH - 1
