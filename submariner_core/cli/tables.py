"""Rows of the ``show`` tables, from what a datastore holds. Pure: the commands print them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from submariner_core.api.durations import format_duration
from submariner_core.api.model import (
    ConnectionStatus,
    EndpointObject,
    GatewayObject,
    HAStatus,
    LatencyRTT,
)
from submariner_core.reconcile.endpoints import choose_endpoint, is_stale
from submariner_core.reconcile.pin import stored_pin
from submariner_core.reconcile.remotes import cluster_object
from submariner_core.reconcile.stores import StoreView

Row = Mapping[str, object]


def gateway_rows(view: StoreView, cluster_id: str) -> Iterable[Row]:
    """A row per gateway of the own cluster, and one for a pinned gateway that is not there."""
    cluster = cluster_object(view, cluster_id)
    fence = cluster.epoch if cluster is not None else None
    pin = stored_pin(view, cluster_id)
    for gateway in view.gateways():
        status = gateway.status
        yield {
            "node": status.local_endpoint.hostname,
            "ha_status": _ha_status(gateway, fence),
            "epoch": status.epoch,
            "ready": status.ready,
            "pinned": status.local_endpoint.hostname == pin,
            "summary": summary(gateway),
            "slot": status.slot,
            "version": status.version,
            "transitions": [
                f"{one.time} {one.subject}: {one.before} -> {one.after}"
                f" (epoch {one.epoch}; {'; '.join(filter(None, (one.cause, one.evidence)))})"
                for one in status.transitions
            ],
        }
    if pin and pin not in (one.status.local_endpoint.hostname for one in view.gateways()):
        yield {
            "node": pin,
            "ha_status": "absent",
            "epoch": None,
            "ready": False,
            "pinned": True,
            "summary": "The lead is pinned to it, and it is not there",
            "slot": None,
            "version": "",
            "transitions": [],
        }


def _ha_status(gateway: GatewayObject, fence: int | None) -> str:
    """What a gateway says, unless a higher epoch proves that it no longer leads."""
    status = gateway.status
    if status.ha_status is HAStatus.ACTIVE and fence is not None and (status.epoch or 0) < fence:
        return "passive (superseded)"
    return f"{status.ha_status.value}{' (draining)' if status.draining else ''}"


def summary(gateway: GatewayObject) -> str:
    """One line on a gateway's connections, in upstream's words."""
    status = gateway.status
    if status.status_failure:
        return status.status_failure
    wanted = [one for one in status.connections if one.status is not ConnectionStatus.NONE]
    total = len(wanted)
    up = sum(one.status is ConnectionStatus.CONNECTED for one in wanted)
    if not total:
        return "There are no connections"
    if up == total:
        return f"All connections ({total}) are established"
    return f"{up} connections out of {total} are established"


def connection_rows(view: StoreView) -> Iterable[Row]:
    """A row per connection of every gateway."""
    for gateway in view.gateways():
        for one in gateway.status.connections:
            remote = one.endpoint
            yield {
                "node": gateway.status.local_endpoint.hostname,
                "gateway": remote.hostname,
                "cluster": remote.cluster_id,
                "remote_ip": one.using_ip or remote.gateway_ip,
                "nat": one.using_nat,
                "cable_driver": remote.backend,
                "subnets": remote.subnets,
                "status": one.status.value,
                "rtt_avg": _rtt(one.latency),
                "message": one.status_message,
                "cable": remote.cable_name,
            }


def _rtt(latency: LatencyRTT | None) -> str:
    return format_duration(latency.average) if latency is not None else ""


def endpoint_rows(view: StoreView, cluster_id: str) -> Iterable[Row]:
    """A row per stored Endpoint; the one in use of each cluster is marked."""
    by_cluster: dict[str, list[EndpointObject]] = {}
    for endpoint in view.endpoints():
        by_cluster.setdefault(endpoint.spec.cluster_id, []).append(endpoint)
    for name, endpoints in sorted(by_cluster.items()):
        cluster = cluster_object(view, name)
        used = choose_endpoint(cluster, endpoints, None)
        for endpoint in endpoints:
            spec = endpoint.spec
            yield {
                "cluster": name,
                "gateway": spec.hostname,
                "endpoint_ip": spec.private_ip,
                "public_ip": spec.public_ip,
                "cable_driver": spec.backend,
                "type": "local" if name == cluster_id else "remote",
                "in_use": endpoint is used,
                "epoch": endpoint.epoch,
                "stale": is_stale(cluster, endpoint),
                "subnets": spec.subnets,
                "gateways": [
                    f"{entry.endpoint.hostname}#{entry.slot}" for entry in endpoint.gateways or ()
                ],
                "claimed": endpoint.claimed,
            }


def cluster_rows(view: StoreView, cluster_id: str) -> Iterable[Row]:
    """A row per stored Cluster."""
    for cluster in view.clusters():
        yield {
            "cluster": cluster.spec.cluster_id,
            "type": "local" if cluster.spec.cluster_id == cluster_id else "remote",
            "epoch": cluster.epoch,
            "service_cidr": cluster.spec.service_cidr,
            "cluster_cidr": cluster.spec.cluster_cidr,
            "global_cidr": cluster.spec.global_cidr,
        }


def route_agent_rows(view: StoreView) -> Iterable[Row]:
    """A row per node and remote endpoint, or one per node that has none."""
    for agent in view.route_agents():
        node = {"node": agent.meta.name, "address": agent.status.address}
        failure = agent.status.status_failure
        if not agent.status.remote_endpoints:
            yield {**node, "message": failure or "no remote endpoints"}
        for remote in agent.status.remote_endpoints:
            yield {
                **node,
                "cluster": remote.endpoint.cluster_id,
                "gateway": remote.endpoint.hostname,
                "status": remote.status.value,
                "rtt_avg": _rtt(remote.latency),
                "message": failure or remote.status_message,
            }


def transition_rows(view: StoreView) -> Iterable[Row]:
    """A row per transition of all gateways and route agents, in order of their clocks."""
    told = [
        *(
            (one, "gateway", gateway.status.local_endpoint.hostname)
            for gateway in view.gateways()
            for one in gateway.status.transitions
        ),
        *(
            (one, "route agent", agent.meta.name)
            for agent in view.route_agents()
            for one in agent.status.transitions
        ),
    ]
    for one, daemon, node in sorted(told, key=lambda row: row[0].time):
        yield {
            "time": one.time,
            "daemon": daemon,
            "node": node,
            "subject": one.subject,
            "before": one.before,
            "after": one.after,
            "epoch": one.epoch,
            "cause": one.cause,
            "evidence": one.evidence,
        }


def malformed_rows(view: StoreView, store: str) -> Iterable[Row]:
    """A row per record of a store that was refused."""
    for ref, reason in sorted(view.malformed.items()):
        yield {"store": store, "record": str(ref), "reason": reason}
