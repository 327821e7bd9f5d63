"""How a store checks a fence: what every transport does in the same step as its write."""

from __future__ import annotations

from collections.abc import Mapping

from submariner_core.api.codec_annotations import stored_epoch
from submariner_core.api.errors import StaleEpoch, StoreError
from submariner_core.api.naming import CLUSTER_ID_LABEL, sanitise
from submariner_core.api.transport import Fence, Kind, Ref


def guard_of(fence: Fence) -> Ref:
    """The Cluster record that guards the fence's cluster.

    Raises :class:`StoreError` for a cluster id that names none.
    """
    try:
        return Ref(Kind.CLUSTER, sanitise(fence.cluster_id))
    except ValueError as error:
        raise StoreError(f"fence of cluster {fence.cluster_id!r}: {error}") from None


def check_fence(
    fence: Fence | None,
    stored: Ref,
    labels: Mapping[str, object],
    annotations: Mapping[str, object],
) -> None:
    """Raise :class:`StaleEpoch` if a stored record stops the fence's writer.

    To be asked of the guard, and of the record that is to be written or deleted. A copy of another
    cluster's record has that cluster's epoch and stops nobody here, unless it is the guard.
    """
    if fence is None:
        return
    origin = labels.get(CLUSTER_ID_LABEL)
    if origin not in (None, fence.cluster_id) and stored != guard_of(fence):
        return
    epoch = stored_epoch(annotations)
    if epoch is not None and epoch > fence.epoch:
        raise StaleEpoch(epoch, fence.epoch, fence.cluster_id)
