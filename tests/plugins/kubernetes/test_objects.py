"""Records as objects: what an update keeps, what it replaces, and who fences whom."""

from __future__ import annotations

import pytest
from submariner_kubernetes.objects import entrances, says_the_same, to_object, to_record

from submariner_core.api.errors import RecordMalformed
from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_core.api.transport import Kind, Record, Ref

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
    ("status", "told"),
    [
        ({}, ()),
        ({"status": {}}, ()),
        ({"status": {"loadBalancer": {}}}, ()),
        ({"status": {"loadBalancer": {"ingress": None}}}, ()),
        ({"status": {"loadBalancer": {"ingress": [{"ipMode": "VIP"}, {"ip": "a"}]}}}, ("a",)),
        ({"status": {"loadBalancer": {"ingress": [{"hostname": "b", "ip": "a"}]}}}, ("a",)),
        (
            {"status": {"loadBalancer": {"ingress": [{"hostname": "b"}, {"ip": "a"}]}}},
            ("b", "a"),
        ),
    ],
)
def test_a_load_balancer_is_reached_by_each_ingresss_address_else_its_name(status, told) -> None:
    assert entrances({"metadata": {"name": "gateway"}, **status}) == told
