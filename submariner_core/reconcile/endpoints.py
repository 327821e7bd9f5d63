"""Which of a cluster's Endpoints is in use: the fence, as every consumer applies it alike.

Nothing is remembered here that is no longer stored: the choice follows from what the stores hold,
and from the current choice only where they leave it open.
"""

from __future__ import annotations

from collections.abc import Sequence

from submariner_core.api.model import ClusterObject, EndpointObject


def choose_endpoint(
    cluster: ClusterObject | None,
    endpoints: Sequence[EndpointObject],
    current: EndpointObject | None,
) -> EndpointObject | None:
    """The Endpoint in use among the stored ``endpoints`` of one cluster, ``None`` without any.

    One that is stale is used only while no other is stored; then the highest epoch wins, and a
    peer that has none never wins over one that has. What is equal in that goes by upstream's rule:
    the newest in this store, then ``current`` if it is still stored, then the larger name.
    """
    kept = None if current is None else current.meta.name

    def rank(endpoint: EndpointObject) -> tuple[bool, int, str, bool, str]:
        meta = endpoint.meta
        epoch = -1 if endpoint.epoch is None else endpoint.epoch
        return (
            not is_stale(cluster, endpoint),
            epoch,
            meta.created,
            meta.name == kept,
            meta.name,
        )

    return max(endpoints, key=rank, default=None)


def is_stale(cluster: ClusterObject | None, endpoint: EndpointObject) -> bool:
    """Whether ``endpoint`` is below the epoch that its Cluster has been raised to."""
    if cluster is None or cluster.epoch is None:
        return False
    return endpoint.epoch is None or endpoint.epoch < cluster.epoch
