"""The Lease as both sides read it: ours, and client-go's in upstream's gateways."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submariner_kubernetes.lease_object import to_lease, to_lease_record

from submariner_core.api.codec_annotations import MAX_EPOCH
from submariner_core.api.lease import LeaseRecord

NOW = datetime(2026, 5, 4, 3, 2, 1, 99, tzinfo=UTC)
OURS = LeaseRecord("east-1_0badcafe_1", 7, 2.5, successor="east-2")


def stored(lease: dict[str, Any], version: str = "42") -> dict[str, Any]:
    metadata = {**lease["metadata"], "uid": "u", "resourceVersion": version}
    return {**lease, "metadata": metadata}


def taken_by_client_go(lease: dict[str, Any], identity: str) -> dict[str, Any]:
    """What an upstream gateway writes: a new spec; annotations stay."""
    spec = {
        "holderIdentity": identity,
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-05-04T03:02:05.000000Z",
        "renewTime": "2026-05-04T03:02:05.000000Z",
        "leaseTransitions": lease["spec"]["leaseTransitions"] + 1,
    }
    return {**lease, "spec": spec}


def test_an_upstream_gateway_sees_holder_and_whole_seconds_that_never_end_early() -> None:
    spec = to_lease(OURS, None, NOW)["spec"]
    assert spec["holderIdentity"] == OURS.holder
    assert spec["leaseDurationSeconds"] == 3
    assert spec["renewTime"] == spec["acquireTime"] == "2026-05-04T03:02:01.000099Z"
    assert spec["leaseTransitions"] == 1


def test_a_lease_that_upstream_took_keeps_the_epoch_and_voids_our_successor() -> None:
    lease = taken_by_client_go(stored(to_lease(OURS, None, NOW)), "east-3-submariner-gateway")
    record = to_lease_record(lease)
    assert record == LeaseRecord("east-3-submariner-gateway", 7, 15.0, version="u/42")


def test_a_lease_that_only_upstream_ever_held_has_epoch_0() -> None:
    lease = stored({"metadata": {}, "spec": {"holderIdentity": "x", "leaseDurationSeconds": 15}})
    assert to_lease_record(lease) == LeaseRecord("x", 0, 15.0, version="u/42")


@pytest.mark.parametrize("spec", [None, {}, {"holderIdentity": ""}, {"holderIdentity": None}])
def test_a_lease_without_a_holder_is_a_released_one(spec: dict[str, Any] | None) -> None:
    assert to_lease_record(stored({"metadata": {}, "spec": spec})).holder == ""


def test_a_renewal_keeps_who_acquired_it_when_and_what_others_wrote() -> None:
    first = stored(to_lease(OURS, None, NOW))
    first["metadata"]["labels"] = {"team": "net"}
    first["metadata"]["annotations"]["note"] = "kept"
    first["spec"]["strategy"] = "OldestEmulationVersion"
    later = datetime(2026, 5, 4, 3, 2, 2, tzinfo=UTC)
    again = to_lease(OURS, first, later)
    assert again["metadata"]["labels"] == {"team": "net"}
    assert again["metadata"]["annotations"]["note"] == "kept"
    assert again["metadata"]["resourceVersion"] == "42"
    assert again["spec"]["strategy"] == "OldestEmulationVersion"
    assert again["spec"]["acquireTime"] == first["spec"]["acquireTime"]
    assert again["spec"]["renewTime"] != first["spec"]["renewTime"]
    assert again["spec"]["leaseTransitions"] == 1


def test_a_release_is_no_transition_and_the_next_holder_is_one() -> None:
    held = stored(to_lease(OURS, None, NOW))
    released = to_lease(LeaseRecord("", 7, 2.5), held, NOW)
    assert released["spec"]["leaseTransitions"] == 1
    assert to_lease(OURS, released, NOW)["spec"]["leaseTransitions"] == 2


@given(
    holder=st.text(max_size=40),
    epoch=st.integers(0, MAX_EPOCH - 1),
    duration=st.floats(0.01, 86_400),
    successor=st.text(max_size=40),
)
def test_a_record_comes_back_as_it_was_written(
    holder: str, epoch: int, duration: float, successor: str
) -> None:
    record = LeaseRecord(holder, epoch, duration, successor, version="u/42")
    assert to_lease_record(stored(to_lease(record, None, NOW))) == record


@pytest.mark.parametrize("word", ["", "nan", "inf", "-1", "900", "3,0", "2.0"])
def test_a_duration_annotation_that_is_not_what_was_rounded_does_not_count(word: str) -> None:
    lease = stored(to_lease(OURS, None, NOW))
    lease["metadata"]["annotations"]["submariner.io/lease-duration"] = word
    assert to_lease_record(lease).duration == 3.0
