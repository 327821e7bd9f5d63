"""A cluster that leaves: which records are its, and whether it is really gone."""

from __future__ import annotations

from collections.abc import Iterable

from submariner_core.api.model import ClusterObject, ConnectionStatus, EndpointObject, StoredObject
from submariner_core.api.naming import sanitise
from submariner_core.api.transport import Kind, Ref
from submariner_core.reconcile.stores import StoreView


def known_clusters(*views: StoreView) -> tuple[str, ...]:
    """The ids of all clusters of which a store holds a Cluster or an Endpoint."""
    found = {cluster.spec.cluster_id for view in views for cluster in view.clusters()}
    found |= {endpoint.spec.cluster_id for view in views for endpoint in view.endpoints()}
    return tuple(sorted(found))


def records_of(view: StoreView, cluster_id: str) -> tuple[Ref, ...]:
    """The Endpoints, then the Clusters that one cluster has in a store.

    The order in which to delete them: while an Endpoint stands, so does the Cluster that fences
    it. A record that cannot be decoded counts by its name.
    """
    found = {ref for ref, stored in view.objects.items() if _is_of(stored, cluster_id)}
    found |= {ref for ref in view.malformed if _is_named_after(ref, cluster_id)}
    return in_order(found)


def all_records(view: StoreView) -> tuple[Ref, ...]:
    """Every Endpoint, then every Cluster, those that cannot be decoded included."""
    return in_order({*view.objects, *view.malformed})


def in_order(refs: Iterable[Ref]) -> tuple[Ref, ...]:
    """Endpoints first, then Clusters; other kinds are left out."""
    kinds = (Kind.ENDPOINT, Kind.CLUSTER)
    kept = [ref for ref in refs if ref.kind in kinds]
    return tuple(sorted(kept, key=lambda ref: (kinds.index(ref.kind), ref.name)))


def connected(view: StoreView, cluster_id: str) -> tuple[str, ...]:
    """The cables to a cluster that gateways of the own cluster report as connected, in words."""
    return tuple(
        f"{gateway.status.local_endpoint.hostname} is connected to {one.endpoint.hostname} "
        f"({one.using_ip or one.endpoint.gateway_ip})"
        for gateway in view.gateways()
        for one in gateway.status.connections
        if one.endpoint.cluster_id == cluster_id and one.status is ConnectionStatus.CONNECTED
    )


def _is_of(stored: StoredObject, cluster_id: str) -> bool:
    if not isinstance(stored, ClusterObject | EndpointObject):
        return False
    return stored.spec.cluster_id == cluster_id


def _is_named_after(ref: Ref, cluster_id: str) -> bool:
    name = sanitise(cluster_id)
    if ref.kind is Kind.CLUSTER:
        return ref.name == name
    return ref.name.startswith(f"{name}-submariner-cable-{name}-")
