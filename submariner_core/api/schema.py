"""The custom resource definitions of the kinds we store, equal to upstream's where both speak.

Fields that we do not know are kept by the API server too, so that a newer peer's survive.
"""

from __future__ import annotations

from typing import Any, Final

from submariner_core.api.transport import Kind

GROUP: Final = "submariner.io"
VERSION: Final = "v1"

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_TEXT_MAP: Final[Schema] = {"type": "object", "additionalProperties": _TEXT}
_CLUSTER_ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 63}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "x-kubernetes-preserve-unknown-fields": True,
    }
    return {**schema, "required": list(required)} if required else schema


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_CLUSTER: Final = _object(
    {
        "cluster_id": _CLUSTER_ID,
        "service_cidr": _TEXTS,
        "cluster_cidr": _TEXTS,
        "global_cidr": _TEXTS,
    },
    {"color_codes": _TEXTS},
)
_ENDPOINT: Final = _object(
    {
        "cluster_id": _CLUSTER_ID,
        "cable_name": _TEXT,
        "hostname": _TEXT,
        "subnets": _TEXTS,
        "private_ip": _TEXT,
        "public_ip": _TEXT,
        "nat_enabled": _FLAG,
        "backend": _TEXT,
    },
    {
        "backend_config": _TEXT_MAP,
        "healthCheckIP": _TEXT,
        "healthCheckIPs": _TEXTS,
        "privateIPs": _TEXTS,
        "publicIPs": _TEXTS,
    },
)
_LATENCY: Final = _object({}, dict.fromkeys(("last", "min", "average", "max", "stdDev"), _TEXT))
_CONNECTION: Final = _object(
    {"status": _TEXT, "statusMessage": _TEXT, "endpoint": _ENDPOINT},
    {"usingIP": _TEXT, "usingNAT": _FLAG, "latencyRTT": _LATENCY},
)
_GATEWAY: Final = _object(
    {
        "version": _TEXT,
        "haStatus": _TEXT,
        "localEndpoint": _ENDPOINT,
        "statusFailure": _TEXT,
        "connections": _list_of(_CONNECTION),
    }
)
_REMOTE: Final = _object(
    {"status": _TEXT, "statusMessage": _TEXT, "spec": _ENDPOINT}, {"latencyRTT": _LATENCY}
)
_ROUTE_AGENT: Final = _object(
    {"version": _TEXT, "statusFailure": _TEXT, "remoteEndpoints": _list_of(_REMOTE)}
)

_SECTIONS: Final[dict[Kind, tuple[str, Schema]]] = {
    Kind.CLUSTER: ("spec", _CLUSTER),
    Kind.ENDPOINT: ("spec", _ENDPOINT),
    Kind.GATEWAY: ("status", _GATEWAY),
    Kind.ROUTE_AGENT: ("status", _ROUTE_AGENT),
}
_HA_STATUS: Final[Schema] = {
    "name": "HA Status",
    "type": "string",
    "description": "Whether this gateway is the one that writes",
    "jsonPath": ".status.haStatus",
}


def plural(kind: Kind) -> str:
    """The resource name of a kind, as it stands in URLs."""
    return f"{kind.value.lower()}s"


def body_schema(kind: Kind) -> Schema:
    """The OpenAPI v3 schema of what a record of ``kind`` holds in its body."""
    section, schema = _SECTIONS[kind]
    return _object({section: schema})


def definition(kind: Kind) -> Schema:
    """The CustomResourceDefinition of ``kind``, ready to be written as YAML or JSON.

    ``status`` is no subresource: upstream writes it with an ordinary update, and so do we.
    """
    body = body_schema(kind)
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "apiVersion": _TEXT,
                    "kind": _TEXT,
                    "metadata": {"type": "object"},
                    **body["properties"],
                },
                "required": body["required"],
            }
        },
    }
    if kind is Kind.GATEWAY:
        version["additionalPrinterColumns"] = [_HA_STATUS]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural(kind)}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.value,
                "listKind": f"{kind.value}List",
                "plural": plural(kind),
                "singular": kind.value.lower(),
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }
