"""A LeaseRecord as a ``coordination.k8s.io`` Lease that upstream's gateways understand.

What client-go keeps there means the same to both. Epoch, successor and the exact duration are
annotations of ours, which client-go leaves alone: the epoch stands whoever holds the Lease, while
the others count only under the holder that wrote them.
"""

from __future__ import annotations

import math
from datetime import datetime

from submariner_core.api.codec_annotations import stored_epoch
from submariner_core.api.lease import LeaseRecord
from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_kubernetes.resource import LEASES, Object

NAME = "submariner-gateway-lock"
HOLDER = "submariner.io/lease-holder"
SUCCESSOR = "submariner.io/lease-successor"
DURATION = "submariner.io/lease-duration"


def to_lease(new: LeaseRecord, stored: Object | None, now: datetime) -> Object:
    """The Lease that says ``new``, over ``stored``, of which it keeps what is not ours.

    ``now`` is the wall clock: nobody decides by it, but client-go takes a change for a renewal.
    Its duration is in whole seconds, so it is rounded up: an upstream gateway never comes early.
    """
    stored = stored or {}
    metadata = {k: v for k, v in stored.get("metadata", {}).items() if k != "managedFields"}
    before = stored.get("spec") or {}
    taken = bool(new.holder) and new.holder != before.get("holderIdentity")
    annotations = {
        **(metadata.get("annotations") or {}),
        EPOCH_ANNOTATION: str(new.epoch),
        HOLDER: new.holder,
        SUCCESSOR: new.successor,
        DURATION: repr(new.duration),
    }
    moment = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "apiVersion": LEASES.api_version,
        "kind": "Lease",
        "metadata": {**metadata, "name": NAME, "annotations": annotations},
        "spec": {
            **before,
            "holderIdentity": new.holder,
            "leaseDurationSeconds": max(1, math.ceil(new.duration)),
            "renewTime": moment,
            "acquireTime": moment if taken else before.get("acquireTime", moment),
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + taken,
        },
    }


def to_lease_record(found: Object) -> LeaseRecord:
    """The record that a Lease holds, ours or upstream's.

    Its version is the object's identity and version: another Lease of this name is another.
    """
    metadata, spec = found["metadata"], found.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    holder = spec.get("holderIdentity") or ""
    duration = float(spec.get("leaseDurationSeconds") or 0)
    own = annotations.get(HOLDER) == holder
    return LeaseRecord(
        holder=holder,
        epoch=stored_epoch(annotations) or 0,
        duration=_exact(annotations.get(DURATION, ""), duration) if own else duration,
        successor=annotations.get(SUCCESSOR, "") if own else "",
        version=f"{metadata['uid']}/{metadata['resourceVersion']}",
    )


def _exact(text: str, rounded: float) -> float:
    """The duration in full, if it is what was rounded up."""
    try:
        exact = float(text)
    except ValueError:
        return rounded
    return exact if rounded - 1 < exact <= rounded or 0 < exact < 1 == rounded else rounded
