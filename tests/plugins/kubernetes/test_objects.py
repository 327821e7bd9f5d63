"""Records as objects: what an update keeps, what it replaces, and who fences whom."""

from __future__ import annotations

import pytest
from submariner_kubernetes.objects import fencing_epoch, says_the_same, to_object, to_record

from submariner_core.api.errors import RecordMalformed
from submariner_core.api.naming import CLUSTER_ID_LABEL, EPOCH_ANNOTATION
from submariner_core.api.transport import Fence, Kind, Record, Ref

REF = Ref(Kind.ENDPOINT, "east-a")
STORED = {
    "apiVersion": "submariner.io/v1",
    "kind": "Endpoint",
    "metadata": {
        "name": "east-a",
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "7",
        "creationTimestamp": "2026-05-04T03:02:01Z",
        "finalizers": ["someone/else"],
        "labels": {"old": "label"},
        "annotations": {EPOCH_ANNOTATION: "3"},
        "managedFields": [{}],
    },
    "spec": {"subnets": []},
}


def test_an_update_keeps_identity_and_finalizers_and_replaces_labels_and_annotations() -> None:
    wanted = to_object(Record(REF, {"spec": {}}, annotations={EPOCH_ANNOTATION: "4"}), STORED)
    assert wanted["metadata"] == {
        "name": "east-a",
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "7",
        "creationTimestamp": "2026-05-04T03:02:01Z",
        "finalizers": ["someone/else"],
        "annotations": {EPOCH_ANNOTATION: "4"},
    }
    assert wanted["spec"] == {}


def test_empty_lists_are_written_as_lists() -> None:
    assert to_object(Record(REF, {"spec": {"subnets": []}}), None)["spec"] == {"subnets": []}


def test_an_object_read_and_written_back_says_the_same() -> None:
    record = to_record(Kind.ENDPOINT, STORED)
    assert record.created == "2026-05-04T03:02:01Z"
    assert says_the_same(to_object(record, None), STORED)


@pytest.mark.parametrize("value", [float("nan"), object(), {1}])
def test_what_json_cannot_say_is_refused_by_name(value: object) -> None:
    with pytest.raises(RecordMalformed, match="Endpoint east-a: body: not JSON"):
        to_object(Record(REF, {"spec": {"x": value}}), None)


@pytest.mark.parametrize(
    ("origin", "guard", "epoch"),
    [(None, False, 3), ("east", False, 3), ("west", False, -1), ("west", True, 3)],
)
def test_a_copy_of_another_clusters_object_fences_nobody_unless_it_is_the_guard(
    origin: str | None, guard: bool, epoch: int
) -> None:
    labels = {} if origin is None else {CLUSTER_ID_LABEL: origin}
    found = {**STORED, "metadata": {**STORED["metadata"], "labels": labels}}  # type: ignore[dict-item]
    assert fencing_epoch(found, Fence("east", 1), guard=guard) == epoch


@pytest.mark.parametrize(("text", "epoch"), [("3", 3), (str(2**53), -1), (str(2**63), -1)])
def test_an_epoch_that_no_reader_takes_fences_nobody(text: str, epoch: int) -> None:
    metadata = {**STORED["metadata"], "annotations": {EPOCH_ANNOTATION: text}}  # type: ignore[dict-item]
    assert fencing_epoch({**STORED, "metadata": metadata}, Fence("east", 1)) == epoch
