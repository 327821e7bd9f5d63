"""Records to values and back: one example of each kind, and what newer peers write."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from submariner_core.api.codec import decode, encode
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.model import (
    Cluster,
    ClusterObject,
    ConnectionStatus,
    Endpoint,
    EndpointObject,
    Gateway,
    GatewayEntry,
    GatewayObject,
    HAStatus,
    LatencyRTT,
    Metadata,
    RouteAgentObject,
    Transition,
)
from submariner_core.api.transport import Kind, Record, Ref

CLUSTER_SPEC: dict[str, Any] = {
    "cluster_id": "east",
    "service_cidr": ["100.1.0.0/16"],
    "cluster_cidr": ["10.1.0.0/16"],
    "global_cidr": [],
    "color_codes": ["blue"],
}
ENDPOINT_SPEC: dict[str, Any] = {
    "cluster_id": "east",
    "cable_name": "submariner-cable-east-192-0-2-5",
    "hostname": "east-gw1",
    "subnets": ["100.1.0.0/16", "10.1.0.0/16"],
    "private_ip": "192.0.2.5",
    "public_ip": "",
    "nat_enabled": False,
    "backend": "vxlan",
    "backend_config": {"udp-port": "4500"},
    "healthCheckIP": "10.1.0.1",
}
GATEWAY_STATUS: dict[str, Any] = {
    "version": "v0.19.0",
    "haStatus": "active",
    "localEndpoint": ENDPOINT_SPEC,
    "statusFailure": "",
    "connections": [
        {
            "status": "connected",
            "statusMessage": "",
            "endpoint": ENDPOINT_SPEC,
            "usingIP": "192.0.2.5",
            "usingNAT": True,
            "latencyRTT": {
                "last": "388.079µs",
                "min": "1ns",
                "average": "1.2ms",
                "max": "1m1.5s",
                "stdDev": "0s",
            },
        }
    ],
}
AGENT_STATUS: dict[str, Any] = {
    "version": "v0.19.0",
    "statusFailure": "",
    "remoteEndpoints": [{"status": "error", "statusMessage": "lost", "spec": ENDPOINT_SPEC}],
}
ENDPOINT = Endpoint(
    cluster_id="east",
    cable_name="submariner-cable-east-192-0-2-5",
    hostname="east-gw1",
    subnets=(ip_network("100.1.0.0/16"), ip_network("10.1.0.0/16")),
    private_ip=ip_address("192.0.2.5"),
    public_ip=None,
    nat_enabled=False,
    backend="vxlan",
    backend_config={"udp-port": "4500"},
    health_check_ip=ip_address("10.1.0.1"),
)


def cluster_record(spec: object = CLUSTER_SPEC, **metadata: Any) -> Record:
    return Record(Ref(Kind.CLUSTER, "east"), {"spec": spec}, **metadata)


def endpoint_record(spec: object = ENDPOINT_SPEC, **metadata: Any) -> Record:
    ref = Ref(Kind.ENDPOINT, "east-submariner-cable-east-192-0-2-5")
    return Record(ref, {"spec": spec}, **metadata)


def gateway_record(status: object = GATEWAY_STATUS, **metadata: Any) -> Record:
    return Record(Ref(Kind.GATEWAY, "east-gw1"), {"status": status}, **metadata)


def agent_record(status: object = AGENT_STATUS, **metadata: Any) -> Record:
    metadata.setdefault("annotations", {"submariner.io/address": "192.0.2.7"})
    return Record(Ref(Kind.ROUTE_AGENT, "Node_7"), {"status": status}, **metadata)


def test_an_upstream_cluster_is_read_and_written_back_as_it_was() -> None:
    record = cluster_record(labels={"submariner-io/clusterID": "east"}, created="7")
    obj = decode(record)
    assert isinstance(obj, ClusterObject)
    assert Metadata("east", origin="east", created="7") == obj.meta
    assert (obj.epoch, obj.spec.global_cidr) == (None, ())
    assert record == encode(obj)


def test_an_upstream_endpoint_is_read_and_written_back_as_it_was() -> None:
    record = endpoint_record(labels={"team": "blue"}, annotations={"note": "x"})
    obj = decode(record)
    assert isinstance(obj, EndpointObject)
    assert obj.spec == ENDPOINT
    assert obj.gateways is None
    assert obj.meta.origin is None
    assert record == encode(obj)


def test_our_annotations_become_fields_and_others_stay() -> None:
    standby = replace(
        ENDPOINT,
        private_ip=ip_address("192.0.2.6"),
        cable_name="submariner-cable-east-192-0-2-6",
    )
    gateways = (GatewayEntry(ENDPOINT, 0), GatewayEntry(standby, 3))
    meta = Metadata("e", origin="east", created="9", labels={"a": "b"}, annotations={"c": "d"})
    obj = EndpointObject(meta, ENDPOINT, epoch=4, gateways=gateways, claimed="7/east")
    record = encode(obj)
    assert record.labels == {"a": "b", "submariner-io/clusterID": "east"}
    assert (
        record.annotations["submariner.io/epoch"],
        record.annotations["submariner.io/claimed"],
        record.annotations["c"],
    ) == ("4", "7/east", "d")
    assert obj == decode(record)


def test_no_gateways_at_all_is_not_the_same_as_an_empty_list() -> None:
    obj = EndpointObject(Metadata("e"), ENDPOINT, gateways=())
    assert obj == decode(encode(obj))


def test_a_gateway_with_all_that_we_annotate_survives_a_round_trip() -> None:
    transition = Transition("2030-01-01T00:00:00Z", "east", "a", "b", 5, "lease", "3 misses")
    obj = decode(gateway_record())
    assert isinstance(obj, GatewayObject)
    assert obj.status.connections[0].latency == LatencyRTT(388_079, 1, 1_200_000, 61_500_000_000)
    status = replace(
        obj.status, slot=2, ready=True, draining=True, epoch=5, transitions=(transition,)
    )
    assert GatewayObject(obj.meta, status) == decode(encode(GatewayObject(obj.meta, status)))


def test_an_upstream_gateway_keeps_its_status_to_the_letter() -> None:
    assert encode(decode(gateway_record())).body["status"] == GATEWAY_STATUS


def test_lists_are_written_empty_and_never_as_null() -> None:
    status = Gateway("v", HAStatus.PASSIVE, replace(ENDPOINT, subnets=()))
    written: Any = encode(GatewayObject(Metadata("g"), status)).body["status"]
    assert (written["connections"], written["localEndpoint"]["subnets"]) == ([], [])
    cluster = Cluster("east", (), (), color_codes=())
    spec: Any = encode(ClusterObject(Metadata("east"), cluster)).body["spec"]
    assert spec == {
        "cluster_id": "east",
        "service_cidr": [],
        "cluster_cidr": [],
        "global_cidr": [],
    }


def test_a_route_agent_is_read_with_its_address_and_keeps_its_own_name() -> None:
    obj = decode(agent_record())
    assert isinstance(obj, RouteAgentObject)
    assert ("Node_7", ip_address("192.0.2.7")) == (obj.meta.name, obj.status.address)
    assert obj.status.remote_endpoints[0].status is ConnectionStatus.ERROR
    assert agent_record() == encode(obj)


def test_fields_of_a_newer_peer_survive_a_round_trip_at_every_level() -> None:
    endpoint = {**ENDPOINT_SPEC, "newer": {"deep": [1, 2.5, None, {"x": "y"}]}}
    connection = {**GATEWAY_STATUS["connections"][0], "endpoint": endpoint, "since": "now"}
    status = {**GATEWAY_STATUS, "localEndpoint": endpoint, "connections": [connection], "more": 1}
    assert status == encode(decode(gateway_record(status))).body["status"]
    spec = {**CLUSTER_SPEC, "newer": True}
    assert spec == encode(decode(cluster_record(spec))).body["spec"]


@pytest.mark.parametrize(
    ("plural", "single", "expected"),
    [
        (["fd00::1", "10.1.0.9"], "10.1.0.1", "10.1.0.9"),
        (["fd00::1"], "10.1.0.1", "10.1.0.1"),
        ([], "10.1.0.1", "10.1.0.1"),
        (None, "10.1.0.1", "10.1.0.1"),
        (["fd00::1"], "", "fd00::1"),
        (["", "10.1.0.9"], None, "10.1.0.9"),
    ],
)
def test_newer_plural_addresses_are_read(plural: object, single: object, expected: str) -> None:
    spec = {**ENDPOINT_SPEC, "healthCheckIPs": plural, "healthCheckIP": single}
    obj = decode(endpoint_record(spec))
    assert isinstance(obj, EndpointObject)
    assert ip_address(expected) == obj.spec.health_check_ip
    assert plural == obj.spec.extra["healthCheckIPs"]


def test_host_bits_of_a_prefix_are_masked_as_upstreams_parser_does() -> None:
    obj = decode(endpoint_record({**ENDPOINT_SPEC, "subnets": ["10.1.2.3/16"]}))
    assert isinstance(obj, EndpointObject)
    assert (ip_network("10.1.0.0/16"),) == obj.spec.subnets


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (cluster_record(None), "spec"),
        (cluster_record({**CLUSTER_SPEC, "cluster_id": ""}), "spec.cluster_id"),
        (cluster_record({**CLUSTER_SPEC, "cluster_id": "x" * 64}), "spec.cluster_id"),
        (cluster_record({**CLUSTER_SPEC, "cluster_id": "../etc"}), "spec.cluster_id"),
        (cluster_record({**CLUSTER_SPEC, "global_cidr": None}), "spec.global_cidr"),
        (
            cluster_record({**CLUSTER_SPEC, "cluster_cidr": ["10.0.0.0/8"] * 100_000}),
            "spec.cluster_cidr",
        ),
        (endpoint_record({**ENDPOINT_SPEC, "subnets": ["10.0.0.0"]}), "spec.subnets[0]"),
        (endpoint_record({**ENDPOINT_SPEC, "subnets": ["1.0.0.0/255.0.0.0"]}), "spec.subnets[0]"),
        (endpoint_record({**ENDPOINT_SPEC, "subnets": ["10.0.0.0/8", 7]}), "spec.subnets[1]"),
        (endpoint_record({**ENDPOINT_SPEC, "private_ip": "fe80::1%eth0"}), "spec.private_ip"),
        (endpoint_record({**ENDPOINT_SPEC, "private_ip": 10}), "spec.private_ip"),
        (endpoint_record({**ENDPOINT_SPEC, "private_ip": ""}), "spec.private_ip"),
        (endpoint_record({**ENDPOINT_SPEC, "hostname": "a\x00b"}), "spec.hostname"),
        (endpoint_record({**ENDPOINT_SPEC, "nat_enabled": "yes"}), "spec.nat_enabled"),
        (
            endpoint_record({**ENDPOINT_SPEC, "backend_config": {"a": 1}}),
            "spec.backend_config.a",
        ),
        (
            endpoint_record({**ENDPOINT_SPEC, "cable_name": "submariner-cable-west-192-0-2-5"}),
            "spec.cable_name",
        ),
        (endpoint_record({**ENDPOINT_SPEC, "new": 10**5000}), "spec.new"),
        (endpoint_record({**ENDPOINT_SPEC, "new": float("nan")}), "spec.new"),
        (
            endpoint_record(labels={"submariner-io/clusterID": "west"}),
            "labels[submariner-io/clusterID]",
        ),
        (
            endpoint_record(annotations={"submariner.io/epoch": "-1"}),
            "annotations[submariner.io/epoch]",
        ),
        (
            endpoint_record(annotations={"submariner.io/gateways": "[" * 100_000}),
            "annotations[submariner.io/gateways]",
        ),
        (
            endpoint_record(annotations={"submariner.io/gateways": '[{"slot": NaN}]'}),
            "annotations[submariner.io/gateways]",
        ),
        (gateway_record({**GATEWAY_STATUS, "haStatus": "boss"}), "status.haStatus"),
        (gateway_record({**GATEWAY_STATUS, "connections": None}), "status.connections"),
        (
            gateway_record(annotations={"submariner.io/slot": "8"}),
            "annotations[submariner.io/slot]",
        ),
        (agent_record(annotations={}), "annotations[submariner.io/address]"),
    ],
)
def test_what_is_wrong_is_named_by_record_and_field(record: Record, field: str) -> None:
    with pytest.raises(RecordMalformed) as caught:
        decode(record)
    assert (record.ref, field) == (caught.value.ref, caught.value.field)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("cluster_id", ["east", "west"])
def test_a_gateway_list_holds_each_slot_and_cable_once_and_one_cluster(cluster_id: str) -> None:
    entry = GatewayEntry(replace(ENDPOINT, cluster_id=cluster_id), 0)
    listed = (entry, entry) if cluster_id == "east" else (entry,)
    with pytest.raises(RecordMalformed):
        decode(encode(EndpointObject(Metadata("e"), ENDPOINT, gateways=listed)))


def test_a_name_that_cannot_be_printed_is_refused_in_words_that_can() -> None:
    with pytest.raises(RecordMalformed) as caught:
        decode(Record(Ref(Kind.CLUSTER, "\ud800" * 5000), {"spec": CLUSTER_SPEC}))
    assert caught.value.field == "name"
    assert len(str(caught.value).encode()) < 10_000
