"""Whatever is stored: decoding gives a value that survives a round trip, or says what is wrong."""

from __future__ import annotations

import copy
import json
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from submariner_core.api.codec import decode, encode
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.model import Endpoint, EndpointObject, GatewayEntry, Metadata
from submariner_core.api.naming import SLOTS, cable_name
from submariner_core.api.transport import Kind, Record, Ref

SPEC: dict[str, Any] = {
    "cluster_id": "east",
    "cable_name": "submariner-cable-east-192-0-2-5",
    "hostname": "gw",
    "subnets": ["10.1.0.0/16"],
    "private_ip": "192.0.2.5",
    "public_ip": "198.51.100.5",
    "nat_enabled": True,
    "backend": "vxlan",
    "backend_config": {"udp-port": "4500"},
    "healthCheckIPs": ["10.1.0.1"],
}
STATUS: dict[str, Any] = {
    "version": "1",
    "haStatus": "active",
    "localEndpoint": SPEC,
    "statusFailure": "",
    "connections": [
        {
            "status": "none",
            "statusMessage": "",
            "endpoint": SPEC,
            "usingIP": "192.0.2.9",
            "latencyRTT": {"last": "1ms"},
        }
    ],
    "remoteEndpoints": [{"status": "none", "statusMessage": "", "spec": SPEC}],
}
CLUSTER = {"cluster_id": "east", "service_cidr": [], "cluster_cidr": [], "global_cidr": []}
BODY = {"spec": {**SPEC, **CLUSTER}, "status": STATUS}
GATEWAYS = json.dumps([{"endpoint": SPEC, "slot": 1}])
NOTES = {
    "submariner.io/epoch": "4",
    "submariner.io/gateways": GATEWAYS,
    "submariner.io/claimed": "1/east",
    "submariner.io/slot": "1",
    "submariner.io/ready": "true",
    "submariner.io/address": "192.0.2.5",
    "submariner.io/transitions": "[]",
}

hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**4000)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["0.0.0.0/0", "\ud800", "a\x00b", "1" * 5000, "::ffff:1.2.3.4", "٣.1.1.1"])
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def json_nest(depth: int) -> object:
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


nested = st.integers(1, 5000).map(json_nest)
kinds = st.sampled_from(list(Kind))


def paths(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children: list[tuple[Any, ...]] = [at]
    items = dict(enumerate(value)) if isinstance(value, list) else value
    for key, child in items.items() if isinstance(items, dict) else ():
        children += paths(child, (*at, key))
    return children


def judge(record: Record) -> None:
    refusal = None
    try:
        obj = decode(record)
    except RecordMalformed as error:
        refusal = error
    if refusal is None:
        written = encode(obj)
        json.dumps([written.body, dict(written.annotations)], allow_nan=False)
        assert obj == decode(written)
    else:
        assert refusal.ref == record.ref
        assert refusal.reason
        assert len(str(refusal).encode()) < 10_000


@given(kinds, st.dictionaries(st.sampled_from(["spec", "status"]), hostile | nested))
def test_any_body_is_read_or_refused(kind: Kind, body: dict[str, object]) -> None:
    judge(Record(Ref(kind, "x"), body))


@settings(max_examples=400)
@given(kinds, st.sampled_from(paths(BODY)[1:]), hostile | nested)
def test_a_good_record_with_one_hostile_value_is_read_or_refused(
    kind: Kind, path: tuple[Any, ...], value: object
) -> None:
    body: Any = copy.deepcopy(BODY)
    at = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    judge(Record(Ref(kind, "x"), body, annotations=NOTES))


@given(kinds, st.sampled_from(sorted(NOTES)), hostile | st.text() | hostile.map(repr))
def test_any_annotation_is_read_or_refused(kind: Kind, key: str, value: Any) -> None:
    judge(Record(Ref(kind, "x"), BODY, annotations={**NOTES, key: value}))


@given(kinds, hostile, hostile, hostile, hostile)
def test_any_metadata_is_read_or_refused(
    kind: Kind, name: Any, labels: Any, annotations: Any, created: Any
) -> None:
    judge(Record(Ref(kind, name), BODY, labels, annotations, created))


addresses = st.integers(1, 2**32 - 2).map(IPv4Address)
networks = st.builds(
    lambda base, length: IPv4Network((base, length), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20)


@st.composite
def endpoints(draw: st.DrawFn, cluster_id: str) -> Endpoint:
    private_ip = draw(addresses)
    return Endpoint(
        cluster_id=cluster_id,
        cable_name=cable_name(cluster_id, private_ip),
        hostname=draw(names),
        subnets=tuple(draw(st.lists(networks, max_size=4))),
        private_ip=private_ip,
        public_ip=draw(st.none() | addresses),
        nat_enabled=draw(st.booleans()),
        backend=draw(names),
        backend_config=draw(st.dictionaries(names, texts, max_size=3)),
        health_check_ip=draw(st.none() | addresses),
        extra=draw(st.dictionaries(names.map("x-".__add__), st.integers(-9, 9) | texts)),
    )


@st.composite
def endpoint_objects(draw: st.DrawFn) -> EndpointObject:
    cluster_id = draw(names)
    listed = draw(
        st.none() | st.lists(endpoints(cluster_id), max_size=3, unique_by=lambda e: e.cable_name)
    )
    slots = draw(st.permutations(SLOTS))
    meta = Metadata(
        name=draw(names),
        origin=draw(st.sampled_from([None, cluster_id])),
        created=draw(names),
        labels=draw(st.dictionaries(names, names, max_size=2)),
        annotations=draw(st.dictionaries(names, texts, max_size=2)),
    )
    return EndpointObject(
        meta=meta,
        spec=draw(endpoints(cluster_id)),
        epoch=draw(st.none() | st.integers(0, 2**40)),
        gateways=None if listed is None else tuple(map(GatewayEntry, listed, slots)),
        claimed=draw(st.none() | names),
    )


@given(endpoint_objects())
def test_every_endpoint_of_ours_survives_a_round_trip(obj: EndpointObject) -> None:
    assert obj == decode(encode(obj))
