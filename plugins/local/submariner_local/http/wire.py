"""Values as JSON and back. Unknown keys of a newer peer are ignored.

The parsers raise ``ValueError``, ``KeyError`` or ``TypeError`` for anything that is not theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from submariner_core.api.lease import LeaseRecord
from submariner_core.api.transport import Deleted, Event, Fence, Kind, Put, Record, Ref, Snapshot

Json = Mapping[str, Any]

HEARTBEAT_INTERVAL = 1.0
"""Seconds after which the server says something on a stream, if only that it lives."""
SILENCE = 3.0
"""Seconds without a byte after which a client takes the server for dead."""

STREAM_TYPE = "application/x-ndjson"
RECORD_PATH = "/v1/record"
RECORDS_PATH = "/v1/records"
LEASE_PATH = "/v1/lease"
LEASES_PATH = "/v1/leases"


def ref_json(ref: Ref) -> dict[str, Any]:
    """A ref as JSON values."""
    return {"kind": ref.kind.value, "name": ref.name}


def parse_ref(value: Json) -> Ref:
    """The ref of :func:`ref_json`."""
    name = value["name"]
    if not isinstance(name, str):
        raise TypeError(f"a record's name, not {name!r}")
    return Ref(Kind(value["kind"]), name)


def record_json(record: Record) -> dict[str, Any]:
    """A record as JSON values."""
    return {
        **ref_json(record.ref),
        "body": record.body,
        "labels": record.labels,
        "annotations": record.annotations,
        "created": record.created,
    }


def parse_record(value: Json) -> Record:
    """The record of :func:`record_json`."""
    return Record(
        ref=parse_ref(value),
        body=_mapping(value, "body"),
        labels=_mapping(value, "labels"),
        annotations=_mapping(value, "annotations"),
        created=str(value.get("created", "")),
    )


def fence_json(fence: Fence | None) -> dict[str, Any] | None:
    """A fence as JSON values."""
    return None if fence is None else {"cluster_id": fence.cluster_id, "epoch": fence.epoch}


def parse_fence(value: Json | None) -> Fence | None:
    """The fence of :func:`fence_json`."""
    return None if value is None else Fence(str(value["cluster_id"]), int(value["epoch"]))


def event_json(event: Event) -> dict[str, Any]:
    """An event as one line of a stream of records."""
    match event:
        case Snapshot(records):
            return {"type": "snapshot", "records": [record_json(record) for record in records]}
        case Put(record):
            return {"type": "put", "record": record_json(record)}
        case Deleted(ref):
            return {"type": "deleted", **ref_json(ref)}


def parse_event(value: Json) -> Event:
    """The event of :func:`event_json`."""
    match value["type"]:
        case "snapshot":
            return Snapshot(tuple(parse_record(record) for record in value["records"]))
        case "put":
            return Put(parse_record(value["record"]))
        case "deleted":
            return Deleted(parse_ref(value))
        case other:
            raise ValueError(f"an event of type {other!r}")


def lease_json(lease: LeaseRecord | None) -> dict[str, Any] | None:
    """A lease as JSON values."""
    if lease is None:
        return None
    return {
        "holder": lease.holder,
        "epoch": lease.epoch,
        "duration": lease.duration,
        "successor": lease.successor,
        "version": lease.version,
    }


def parse_lease(value: Json | None) -> LeaseRecord | None:
    """The lease of :func:`lease_json`."""
    if value is None:
        return None
    return LeaseRecord(
        holder=str(value["holder"]),
        epoch=int(value["epoch"]),
        duration=float(value["duration"]),
        successor=str(value.get("successor", "")),
        version=str(value.get("version", "")),
    )


def answer_json(lease: LeaseRecord | None) -> dict[str, Any]:
    """A lease, or that there is none, as an answer and as a line of a stream of leases."""
    return {"type": "lease", "lease": lease_json(lease)}


def parse_answer(value: Json) -> LeaseRecord | None:
    """The lease of :func:`answer_json`."""
    return parse_lease(value["lease"])


def parse_done(_value: Json) -> None:
    """Nothing: the answer to a write is that it came."""


def _mapping(value: Json, key: str) -> dict[str, Any]:
    found = value.get(key, {})
    if not isinstance(found, dict):
        raise TypeError(f"{key}: an object, not {type(found).__name__}")
    return found
