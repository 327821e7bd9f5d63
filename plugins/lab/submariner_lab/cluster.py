"""A cluster of a lab, and what its own store says of its gateways."""

from __future__ import annotations

from submariner_core.api.cable import NO_STANDBY, STANDBY
from submariner_core.api.model import ConnectionStatus, GatewayObject
from submariner_lab.blueprint import ClusterSite
from submariner_lab.errors import LabError
from submariner_lab.node import Node
from submariner_lab.store import Store
from submariner_lab.view import View

WARM = 2
"""Gateways of a cluster that hold cables."""


class Cluster:
    """Its nodes, its store, and who leads it."""

    def __init__(
        self, site: ClusterSite, nodes: tuple[Node, ...], store: Store, view: View
    ) -> None:
        self.site = site
        self.nodes = nodes
        self.store = store
        self._view = view

    def __repr__(self) -> str:
        return f"Cluster({self.name})"

    @property
    def name(self) -> str:
        """The cluster id."""
        return self.site.cluster_id

    @property
    def candidates(self) -> tuple[Node, ...]:
        """The nodes that run a gateway."""
        return tuple(node for node in self.nodes if node.site.candidate)

    @property
    def gateways(self) -> dict[str, GatewayObject]:
        """The Gateways in its store, by host name."""
        found = self._view.gateways(self.store.site.name)
        return {gateway.status.local_endpoint.hostname: gateway for gateway in found}

    @property
    def active(self) -> Node | None:
        """The active gateway's node: of the highest epoch, since a dead one's record stays."""
        gateway = self._view.active(self.store.site.name)
        if gateway is None:
            return None
        name = gateway.status.local_endpoint.hostname
        return next((node for node in self.nodes if node.site.name == name), None)

    @property
    def leader(self) -> Node:
        """As ``active``. Raises :class:`LabError` when there is none."""
        node = self.active
        if node is None:
            raise LabError(f"cluster {self.name} has no active gateway")
        return node

    @property
    def epoch(self) -> int:
        """The active gateway's epoch; 0 without one."""
        gateway = self._view.active(self.store.site.name)
        return 0 if gateway is None else gateway.status.epoch or 0

    @property
    def bystander(self) -> Node:
        """A node to measure from: the last one that is not the active gateway's."""
        active = self.active
        return next((node for node in reversed(self.nodes) if node is not active), self.nodes[-1])

    def reaches(self, node: Node) -> frozenset[str]:
        """Host names of the remote gateways that the gateway on ``node`` is connected to."""
        gateway = self.gateways.get(node.site.name)
        connections = gateway.status.connections if gateway else ()
        return frozenset(
            connection.endpoint.hostname
            for connection in connections
            if connection.status is ConnectionStatus.CONNECTED
        )

    def connected(self, others: tuple[Cluster, ...]) -> bool:
        """Whether the active gateway is connected to a gateway of each other cluster."""
        active = self.active
        if active is None:
            return False
        reached = self.reaches(active)
        return all(any(n.site.name in reached for n in other.nodes) for other in others)

    @property
    def warm(self) -> frozenset[str]:
        """Host names of the gateways that hold cables: the first two of the leader's list."""
        own = [
            endpoint
            for endpoint in self._view.endpoints(self.store.site.name)
            if endpoint.spec.cluster_id == self.name and endpoint.gateways is not None
        ]
        latest = max(own, key=lambda endpoint: endpoint.epoch or 0, default=None)
        entries = latest.gateways if latest is not None and latest.gateways else ()
        return frozenset(entry.endpoint.hostname for entry in entries[:WARM])

    @property
    def standby(self) -> bool:
        """Whether its gateways can hold several cables to one cluster."""
        return not any(
            gateway.status.local_endpoint.backend_config.get(STANDBY) == NO_STANDBY
            for gateway in self.gateways.values()
        )

    def settled(self, others: tuple[Cluster, ...]) -> bool:
        """Whether one leads, and all warm ones are ready and connected to all those elsewhere.

        Without standby cables, the active ones are connected to each other, and that is all.
        """
        active = self.active
        if active is None:
            return False
        warm, gateways = self.warm, self.gateways
        if self.standby:
            wanted = frozenset[str]().union(*(other.warm for other in others))
        else:
            wanted = frozenset(other.active.site.name for other in others if other.active)
        return len(warm) == min(WARM, len(self.candidates)) and all(
            node.site.name in gateways
            and gateways[node.site.name].status.ready
            and self.reaches(node) == (wanted if self.standby or node is active else frozenset())
            for node in self.nodes
            if node.site.name in warm
        )
