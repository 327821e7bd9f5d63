"""What sources post to the route agent's one deciding task."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from submariner_core.api.route import NodePlan, NodeState
from submariner_core.api.transport import Event as RecordEvent
from submariner_core.api.transport import Kind


class Watch(enum.Enum):
    """The two watches of the datastore, by the kinds they ask for.

    RouteAgents change often and on every node, so only gateway nodes, which need them, watch them.
    """

    SITE = (Kind.CLUSTER, Kind.ENDPOINT, Kind.GATEWAY)
    AGENTS = (Kind.ROUTE_AGENT,)


SPARE = {
    Kind.CLUSTER: "an Endpoint of a leader that was overtaken is not known as such",
    Kind.GATEWAY: "a gateway's own ports are not let in",
}
"""What a node does without where it may not read it, as under upstream's Role: the price."""


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """A watch yielded something."""

    watch: Watch
    event: RecordEvent


@dataclass(frozen=True, slots=True)
class StoreLost:
    """The datastore cannot be reached; what was read of it stays."""

    watch: Watch
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What the node held before anything was applied to it."""

    state: NodeState


@dataclass(frozen=True, slots=True)
class Applied:
    """The node is as this plan says, or (with ``failure``) could not be made so."""

    plan: NodePlan | None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ProbeChanged:
    """The verdict on a remote endpoint's data path changed."""

    cable: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The setting ``failover.evidence`` is now this."""

    evidence: bool


Event = StoreChanged | StoreLost | Found | Applied | ProbeChanged | Reloaded
