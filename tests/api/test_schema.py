"""The custom resource definitions: what is in ``deploy/``, and that the codec agrees with them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from submariner_core.api.codec import decode, encode
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.schema import body_schema, definition, plural
from submariner_core.api.transport import Kind, Record, Ref

CRDS = Path(__file__).parents[2] / "deploy" / "crds"
ENDPOINT: dict[str, Any] = {
    "cluster_id": "east",
    "cable_name": "submariner-cable-east-192-0-2-5",
    "hostname": "gw",
    "subnets": ["10.1.0.0/16"],
    "private_ip": "192.0.2.5",
    "public_ip": "198.51.100.5",
    "nat_enabled": True,
    "backend": "vxlan",
    "backend_config": {"udp-port": "4500"},
    "healthCheckIP": "10.1.0.1",
}
LATENCY = dict.fromkeys(("last", "min", "average", "max", "stdDev"), "1ms")
BODIES: dict[Kind, dict[str, Any]] = {
    Kind.CLUSTER: {
        "spec": {
            "cluster_id": "east",
            "service_cidr": [],
            "cluster_cidr": ["10.1.0.0/16"],
            "global_cidr": [],
            "color_codes": ["blue"],
        }
    },
    Kind.ENDPOINT: {"spec": ENDPOINT},
    Kind.GATEWAY: {
        "status": {
            "version": "1",
            "haStatus": "active",
            "localEndpoint": ENDPOINT,
            "statusFailure": "",
            "connections": [
                {
                    "status": "connected",
                    "statusMessage": "",
                    "endpoint": ENDPOINT,
                    "usingIP": "192.0.2.9",
                    "usingNAT": True,
                    "latencyRTT": LATENCY,
                }
            ],
        }
    },
    Kind.ROUTE_AGENT: {
        "status": {
            "version": "1",
            "statusFailure": "",
            "remoteEndpoints": [
                {
                    "status": "none",
                    "statusMessage": "",
                    "spec": ENDPOINT,
                    "latencyRTT": LATENCY,
                }
            ],
        }
    },
}
Path_ = tuple[str | int, ...]
kinds = pytest.mark.parametrize("kind", list(Kind))


def record(kind: Kind, body: dict[str, Any]) -> Record:
    return Record(Ref(kind, "x"), body, annotations={"submariner.io/address": "192.0.2.7"})


def required(schema: dict[str, Any], value: Any, at: Path_ = ()) -> list[Path_]:
    """The places in ``value`` of all fields that ``schema`` requires."""
    found: list[Path_] = []
    if schema["type"] == "array":
        for index, item in enumerate(value):
            found += required(schema["items"], item, (*at, index))
    for name, inner in schema.get("properties", {}).items():
        if name in schema.get("required", ()):
            found.append((*at, name))
        if name in value:
            found += required(inner, value[name], (*at, name))
    return found


def unknown(schema: dict[str, Any], value: Any, at: Path_ = ()) -> list[Path_]:
    """The places in ``value`` of all fields that ``schema`` does not know."""
    if schema["type"] == "array":
        pairs = [unknown(schema["items"], item, (*at, i)) for i, item in enumerate(value)]
        return [place for places in pairs for place in places]
    known = schema.get("properties")
    if known is None:
        return []
    found: list[Path_] = [(*at, name) for name in value if name not in known]
    for name in known.keys() & value.keys():
        found += unknown(known[name], value[name], (*at, name))
    return found


@kinds
def test_what_is_in_deploy_is_what_the_generator_writes(kind: Kind) -> None:
    stored = YAML(typ="safe", pure=True).load(CRDS / f"{plural(kind)}.yaml")
    assert stored == definition(kind), "run: python deploy/crds/generate.py"


@kinds
def test_all_that_we_write_is_in_the_definition(kind: Kind) -> None:
    written: Any = encode(decode(record(kind, BODIES[kind]))).body
    assert written == BODIES[kind]
    assert unknown(body_schema(kind), written) == []


@kinds
def test_what_the_definition_requires_the_codec_requires(kind: Kind) -> None:
    accepted = []
    for place in required(body_schema(kind), BODIES[kind]):
        body: Any = copy.deepcopy(BODIES[kind])
        at = body
        for step in place[:-1]:
            at = at[step]
        del at[place[-1]]
        try:
            decode(record(kind, body))
        except RecordMalformed:
            continue
        accepted.append(place[-1])
    # The gateway's public IP may be left out or empty alike: both mean that there is none.
    assert set(accepted) <= {"public_ip"}


def test_status_is_no_subresource_and_the_ha_status_is_a_column() -> None:
    (version,) = definition(Kind.GATEWAY)["spec"]["versions"]
    assert "subresources" not in version
    assert version["additionalPrinterColumns"][0]["jsonPath"] == ".status.haStatus"
