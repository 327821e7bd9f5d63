"""Parts of a route agent on a store in memory, and records to put there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

import pytest

from submariner_core.api.codec import encode
from submariner_core.api.model import Endpoint, EndpointObject, GatewayEntry, Metadata
from submariner_core.api.naming import IPAddress, cable_name, endpoint_name
from submariner_core.api.route import OverlayPeer
from submariner_core.api.transport import Record
from submariner_core.daemon.watching import watch_store
from submariner_core.reconcile.node import NodeDecision, NodeSite
from submariner_core.routeagent.applier import Applier
from submariner_core.routeagent.decider import Decider
from submariner_core.routeagent.events import Applied, Found, StoreChanged, StoreLost, Watch
from submariner_core.testing import MemoryRouteDriver, MemoryTransport

ME = OverlayPeer("worker", IPv4Address("10.50.0.1"))
SITE = NodeSite("east", ME, (IPv4Network("10.1.0.0/16"),), (IPv4Network("100.1.0.0/16"),))


def endpoint(cluster: str, *addresses: str, epoch: int = 1, subnet: str = "10.1.0.0/16") -> Record:
    """An Endpoint record of ``cluster``, whose first address leads."""
    specs = [
        Endpoint(
            cluster_id=cluster,
            cable_name=cable_name(cluster, IPv4Address(address)),
            hostname=f"node-{address}",
            subnets=(IPv4Network(subnet),),
            private_ip=IPv4Address(address),
            public_ip=None,
            nat_enabled=False,
            backend="vxlan",
            health_check_ip=None,
        )
        for address in addresses
    ]
    own = cluster == SITE.cluster_id
    meta = Metadata(endpoint_name(cluster, specs[0].cable_name), origin=None if own else cluster)
    listed = tuple(GatewayEntry(one, slot) for slot, one in enumerate(specs))
    return encode(EndpointObject(meta, specs[0], epoch, listed, None if own else "1"))


@dataclass
class Node:
    """The deciding and the applying part of a node, over memory twins."""

    transport: MemoryTransport = field(default_factory=MemoryTransport)
    driver: MemoryRouteDriver = field(default_factory=MemoryRouteDriver)
    events: list[Applied] = field(default_factory=list)
    reserved: tuple[IPAddress, ...] = ()

    def __post_init__(self) -> None:
        self.decider = Decider(
            SITE, lambda _: None, time.monotonic, self._decided, lambda: self.reserved
        )
        self.applier = Applier(self.driver, SITE, time.monotonic, self._applied)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.decider.run())
            group.create_task(self.applier.run())
            group.create_task(
                watch_store(
                    "datastore",
                    self.transport,
                    Watch.SITE.value,
                    changed=lambda event: self.decider.post(StoreChanged(Watch.SITE, event)),
                    lost=lambda reason: self.decider.post(StoreLost(Watch.SITE, reason)),
                )
            )

    async def put(self, *records: Record) -> None:
        for record in records:
            await self.transport.put(record, None)

    def _decided(self, decision: NodeDecision) -> None:
        if decision.plan is not None:
            self.applier.want(decision.plan)

    def _applied(self, event: Found | Applied) -> None:
        if isinstance(event, Applied):
            self.events.append(event)
        self.decider.post(event)

    @property
    def carries(self) -> str | None:
        """Where the node sends to now."""
        plan = self.driver.host.node_plan
        return str(plan.carries.address) if plan is not None and plan.carries else None


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def working(node: Node) -> AsyncIterator[Node]:
    """A process on a node, until it is killed."""
    task = asyncio.create_task(node.run())
    try:
        yield node
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A node at work."""
    async with working(Node()) as made:
        yield made


@pytest.fixture
def make_endpoint():
    """See :func:`endpoint`."""
    return endpoint


@pytest.fixture
def eventually():
    """See :func:`until`."""
    return until
