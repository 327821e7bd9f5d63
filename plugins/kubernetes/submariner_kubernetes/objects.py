"""Records as Kubernetes objects, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from submariner_core.api.errors import RecordMalformed
from submariner_core.api.fencing import check_fence
from submariner_core.api.schema import GROUP, VERSION
from submariner_core.api.transport import Fence, Kind, Record, Ref
from submariner_kubernetes.resource import Object

_ENVELOPE = ("apiVersion", "kind", "metadata")
_REPLACED = ("labels", "annotations", "managedFields")


def to_object(record: Record, stored: Object | None) -> Object:
    """The object to write; over ``stored`` it keeps that one's identity, owners and finalizers.

    Labels and annotations become the record's own, as upstream's syncers do it. Raises
    :class:`RecordMalformed` for what JSON cannot say.
    """
    kept = {} if stored is None else stored["metadata"]
    metadata = {key: value for key, value in kept.items() if key not in _REPLACED}
    metadata["name"] = record.ref.name
    for key, value in (("labels", record.labels), ("annotations", record.annotations)):
        if value:
            metadata[key] = dict(value)
    try:
        text = json.dumps(record.body, default=_plain, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordMalformed(record.ref, "body", f"not JSON: {error}") from None
    return {
        **json.loads(text),
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": record.ref.kind.value,
        "metadata": metadata,
    }


def to_record(kind: Kind, found: Object) -> Record:
    """The record that an object is; ``created`` is its moment of creation, in whole seconds."""
    metadata = found["metadata"]
    return Record(
        ref=Ref(kind, metadata["name"]),
        body={key: value for key, value in found.items() if key not in _ENVELOPE},
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        created=metadata.get("creationTimestamp") or "",
    )


def says_the_same(wanted: Object, stored: Object) -> bool:
    """Whether writing ``wanted`` would change nothing."""
    return _said(wanted) == _said(stored)


def compare(found: Object, ref: Ref, fence: Fence | None) -> None:
    """Raise :class:`StaleEpoch` if an object stops the fence's writer."""
    metadata = found["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    check_fence(fence, ref, labels, annotations)


def entrances(service: Object) -> tuple[str, ...]:
    """Where a Service's load balancer is reached: each ingress's IP address, else its name."""
    balancer = (service.get("status") or {}).get("loadBalancer") or {}
    told = (one.get("ip") or one.get("hostname") for one in balancer.get("ingress") or ())
    return tuple(one for one in told if one)


def _said(found: Object) -> tuple[Any, ...]:
    metadata = found["metadata"]
    body = {key: value for key, value in found.items() if key not in _ENVELOPE}
    return body, metadata.get("labels") or {}, metadata.get("annotations") or {}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} {value!r}")
