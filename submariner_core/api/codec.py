"""Stored records to values and back: the one edge where records are judged.

A record holds ``spec`` (Cluster, Endpoint) or ``status`` (Gateway, RouteAgent), as
``submariner.io/v1`` has them. Fields that we do not know, labels and annotations that are not ours
survive a round trip. A record that is not what its kind requires is refused with
:class:`RecordMalformed`, whatever is in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from submariner_core.api.codec_annotations import (
    Annotations,
    write_gateways,
    write_networks,
    write_transitions,
)
from submariner_core.api.codec_fields import MAX_ITEMS, Fields, checked_text, kind_of
from submariner_core.api.codec_spec import (
    read_cluster,
    read_endpoint,
    write_cluster,
    write_endpoint,
)
from submariner_core.api.codec_status import (
    read_gateway,
    read_route_agent,
    write_gateway,
    write_route_agent,
)
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.model import (
    ClusterObject,
    EndpointObject,
    GatewayObject,
    Metadata,
    RouteAgentObject,
    StoredObject,
)
from submariner_core.api.naming import (
    ADDRESS_ANNOTATION,
    CARRIES_ANNOTATION,
    CLAIMED_ANNOTATION,
    CLUSTER_ID_LABEL,
    EPOCH_ANNOTATION,
    GATEWAYS_ANNOTATION,
    REFUSED_ANNOTATION,
)
from submariner_core.api.transport import Kind, Record, Ref

_MAX_NAME = 253
_MAX_ANNOTATION = 262_144


def decode(record: Record) -> StoredObject:
    """The value of a record. Raises :class:`RecordMalformed`, and nothing else."""
    _check_metadata(record)
    ref = record.ref
    notes = Annotations(record)
    body = Fields(ref, "", record.body)
    match ref.kind:
        case Kind.CLUSTER:
            cluster = read_cluster(_section(body, "spec"))
            _check_origin(record, cluster.cluster_id)
            epoch = notes.epoch()
            return ClusterObject(_metadata(record, notes), cluster, epoch)
        case Kind.ENDPOINT:
            endpoint = read_endpoint(_section(body, "spec"))
            _check_origin(record, endpoint.cluster_id)
            return EndpointObject(
                epoch=notes.epoch(),
                gateways=notes.gateways(endpoint.cluster_id),
                claimed=notes.claimed(),
                refused=notes.refused(),
                spec=endpoint,
                meta=_metadata(record, notes),  # last: it keeps the annotations that are left
            )
        case Kind.GATEWAY:
            gateway = read_gateway(_section(body, "status"), notes)
            return GatewayObject(_metadata(record, notes), gateway)
        case Kind.ROUTE_AGENT:
            agent = read_route_agent(_section(body, "status"), notes)
            return RouteAgentObject(_metadata(record, notes), agent)


def encode(obj: StoredObject) -> Record:
    """The record of a value, ready to be put; equal values give equal records."""
    match obj:
        case ClusterObject():
            notes = _known({EPOCH_ANNOTATION: _decimal(obj.epoch)})
            return _record(Kind.CLUSTER, obj.meta, {"spec": write_cluster(obj.spec)}, notes)
        case EndpointObject():
            gateways = None if obj.gateways is None else write_gateways(obj.gateways)
            notes = _known(
                {
                    EPOCH_ANNOTATION: _decimal(obj.epoch),
                    CLAIMED_ANNOTATION: obj.claimed,
                    REFUSED_ANNOTATION: write_networks(obj.refused),
                    GATEWAYS_ANNOTATION: gateways,
                }
            )
            return _record(Kind.ENDPOINT, obj.meta, {"spec": write_endpoint(obj.spec)}, notes)
        case GatewayObject():
            status, notes = write_gateway(obj.status)
            return _record(Kind.GATEWAY, obj.meta, {"status": status}, notes)
        case RouteAgentObject():
            agent = obj.status
            notes = {ADDRESS_ANNOTATION: str(agent.address)} | write_transitions(agent.transitions)
            if agent.carries:
                notes[CARRIES_ANNOTATION] = agent.carries
            return _record(Kind.ROUTE_AGENT, obj.meta, {"status": write_route_agent(agent)}, notes)


def _section(body: Fields, name: str) -> Fields:
    return Fields(body.ref, name, body.take(name))


def _record(
    kind: Kind, meta: Metadata, body: Mapping[str, object], notes: Mapping[str, str]
) -> Record:
    origin = {} if meta.origin is None else {CLUSTER_ID_LABEL: meta.origin}
    return Record(
        ref=Ref(kind, meta.name),
        body=body,
        labels={**meta.labels, **origin},
        annotations={**meta.annotations, **notes},
        created=meta.created,
    )


def _metadata(record: Record, notes: Annotations) -> Metadata:
    labels = dict(record.labels)
    return Metadata(
        name=record.ref.name,
        origin=labels.pop(CLUSTER_ID_LABEL, None),
        created=record.created,
        labels=labels,
        annotations=notes.rest(),
    )


def _check_metadata(record: Record) -> None:
    ref = record.ref
    name = checked_text(ref.name, lambda reason: RecordMalformed(ref, "name", reason))
    if not 0 < len(name) <= _MAX_NAME:
        raise RecordMalformed(ref, "name", f"must be 1 to {_MAX_NAME} characters")
    checked_text(record.created, lambda reason: RecordMalformed(ref, "created", reason))
    for field, texts in (("labels", record.labels), ("annotations", record.annotations)):
        if not isinstance(texts, Mapping) or len(texts) > MAX_ITEMS:
            raise RecordMalformed(ref, field, f"must be an object of at most {MAX_ITEMS} texts")
        for key, value in texts.items():
            # Other people's annotations hold whole documents: only type and size matter.
            if not (isinstance(key, str) and isinstance(value, str)):
                raise RecordMalformed(ref, field, f"a value must be a text, not {kind_of(value)}")
            if len(key) > _MAX_NAME + 64 or len(value) > _MAX_ANNOTATION:
                raise RecordMalformed(ref, field, f"a value of {len(value)} characters")


def _check_origin(record: Record, cluster_id: str) -> None:
    origin = record.labels.get(CLUSTER_ID_LABEL, cluster_id)
    if origin != cluster_id:
        reason = f"{origin[:80]!r} must be the record's cluster id {cluster_id!r}"
        raise RecordMalformed(record.ref, f"labels[{CLUSTER_ID_LABEL}]", reason)


def _decimal(value: int | None) -> str | None:
    return None if value is None else str(value)


def _known(notes: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in notes.items() if value is not None}
