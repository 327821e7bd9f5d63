"""The in-memory twin of a route driver."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from submariner_core.api.errors import RouteError
from submariner_core.api.naming import OVERLAY_OCTET, IPAddress, IPNetwork, tunnel_address
from submariner_core.api.route import NodePlan, NodeState, OverlayPeer, RouteDriver
from submariner_core.testing.host import MemoryHost


class MemoryRouteDriver(RouteDriver):
    """A route driver whose node is a :class:`MemoryHost`.

    ``plans`` holds every plan that was applied, also the ones that changed nothing. While
    ``broken`` says why, calls raise :class:`RouteError`; ``damaged`` is what ``repair`` puts back.
    """

    def __init__(
        self, host: MemoryHost | None = None, *, cni_address: IPAddress | None = None
    ) -> None:
        self.host = host if host is not None else MemoryHost()
        self.cni_address = cni_address
        self.node: OverlayPeer | None = None
        self.cluster_cidr: tuple[IPNetwork, ...] = ()
        self.plans: list[NodePlan] = []
        self.broken = ""
        self.damaged = False

    async def open(self, node: OverlayPeer, cluster_cidr: Sequence[IPNetwork]) -> None:
        """See the contract."""
        self._check()
        self.cluster_cidr = tuple(cluster_cidr)
        if self.node != node:
            self.node = node
            self.host.act("route: open")

    async def apply(self, plan: NodePlan) -> None:
        """See the contract."""
        self._check()
        self.plans.append(plan)
        if self.host.node_plan != plan:
            self.host.node_plan = plan
            self.host.act("route: apply")

    async def observe(self) -> NodeState:
        """See the contract."""
        self._check()
        plan = self.host.node_plan
        carries = plan.carries.address if plan is not None and plan.carries else None
        return NodeState(
            overlay_device="vx-submariner" if self.node is not None else None,
            overlay_mtu=1450 if self.node is not None else 0,
            cni_address=self.cni_address,
            prefixes=plan.remote_prefixes if plan is not None else (),
            carries=carries,
            via=_overlay_address(carries),
        )

    async def repair(self) -> bool:
        """See the contract."""
        self._check()
        repaired, self.damaged = self.damaged, False
        if repaired:
            self.host.act("route: repair")
        return repaired

    async def cleanup(self) -> None:
        """See the contract."""
        self._check()
        self.node = None
        if self.host.node_plan is not None:
            self.host.node_plan = None
            self.host.act("route: cleanup")

    def _check(self) -> None:
        if self.broken:
            raise RouteError(f"memory route driver: {self.broken}")


def _overlay_address(address: IPAddress | None) -> IPAddress | None:
    if not isinstance(address, IPv4Address):
        return None
    return tunnel_address(address, OVERLAY_OCTET).ip
