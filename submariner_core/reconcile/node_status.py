"""What a route agent says of its node: its RouteAgent object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from submariner_core.api.model import (
    ConnectionStatus,
    EndpointObject,
    Metadata,
    RemoteStatus,
    RouteAgent,
    RouteAgentObject,
    Transition,
)
from submariner_core.reconcile.health import Health
from submariner_core.reconcile.node import NodeDecision, NodeSite

DISABLED = "Health check is not enabled"
NO_TARGET = "Health checker IP is not configured"


def route_agent_object(
    site: NodeSite,
    decision: NodeDecision,
    healths: Mapping[str, Health] | None,
    *,
    version: str,
    failure: str = "",
    transitions: tuple[Transition, ...] = (),
) -> RouteAgentObject:
    """The object to store. ``healths`` is by cable name; ``None`` where nothing is probed."""
    carries = decision.plan.carries if decision.plan is not None else None
    status = RouteAgent(
        version=version,
        address=site.node.address,
        status_failure=failure,
        remote_endpoints=tuple(_remote(one, healths) for one in decision.remotes),
        carries=carries.hostname if carries is not None else "",
        transitions=transitions,
    )
    return RouteAgentObject(Metadata(site.node.hostname), status)


def _remote(endpoint: EndpointObject, healths: Mapping[str, Health] | None) -> RemoteStatus:
    spec = endpoint.spec
    if healths is None:
        return RemoteStatus(ConnectionStatus.NONE, DISABLED, spec)
    if spec.health_check_ip is None:
        return RemoteStatus(ConnectionStatus.NONE, NO_TARGET, spec)
    health = healths.get(spec.cable_name)
    if health is None or (not health.ever and health.status is not ConnectionStatus.ERROR):
        return RemoteStatus(ConnectionStatus.CONNECTING, "", spec)
    latency = health.statistics.latency() if health.ever else None
    if health.status is ConnectionStatus.ERROR:
        message = f'no reply to {health.misses} probes of "{spec.health_check_ip}"'
        return RemoteStatus(ConnectionStatus.ERROR, message, spec, latency)
    return RemoteStatus(health.status, "", spec, latency)


def lasting(made: RouteAgentObject) -> RouteAgentObject:
    """Without what changes all the time: the round-trip times."""
    remotes = tuple(replace(one, latency=None) for one in made.status.remote_endpoints)
    return replace(made, status=replace(made.status, remote_endpoints=remotes))
