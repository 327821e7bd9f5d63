"""A cluster in memory, whose gateways are whole ones, each on a kernel of its own."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, ip_network
from pathlib import Path as File
from typing import Any, cast

from submariner_core.api.cable import CableDriver
from submariner_core.api.codec import decode, encode
from submariner_core.api.info import Capability
from submariner_core.api.lease import LeaseStore
from submariner_core.api.model import (
    Cluster,
    ClusterObject,
    ConnectionStatus,
    Endpoint,
    GatewayEntry,
    GatewayObject,
    Metadata,
    StoredObject,
)
from submariner_core.api.transport import Kind, Transport
from submariner_core.config.settings import (
    HealthCheck,
    Lease,
    Metrics,
    NatDiscovery,
    PluginNames,
    Settings,
)
from submariner_core.daemon.clock import boot_clock
from submariner_core.engine.engine import Engine
from submariner_core.engine.gateway import Gateway
from submariner_core.kernel import Kernel
from submariner_core.loading import Loaded
from submariner_core.loading.facade import Hooks
from submariner_core.reconcile.handover import successors
from submariner_core.testing import (
    MemoryCableDriver,
    MemoryHost,
    MemoryLease,
    MemoryLeaseStore,
    MemoryStore,
    MemoryTransport,
    RecordingExtension,
)
from tests.conftest import Namespaces
from tests.reconcile.objects import endpoint, stored_endpoint, stored_gateway

LEASE = Lease(duration=0.6, renew_deadline=0.4, retry_period=0.1)
POD_CIDR, SERVICE_CIDR = ip_network("10.1.0.0/16"), ip_network("100.1.0.0/16")


async def until(condition: Callable[[], object], seconds: float = 8.0) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a condition has no event
            await asyncio.sleep(0.005)


async def settled(gateway: Engine, cables: int = 0) -> None:
    """Wait until it is ready, holds so many cables, and its status says so."""

    def is_so() -> bool:
        up = [one for one in gateway.figures.connections if one.status.value == "connected"]
        return gateway.readiness.ready and len(up) == cables

    await until(is_so)


def known(engine: Engine, node: Node) -> bool:
    """Whether a gateway knows that ``node``'s could succeed it."""
    ready = successors(engine.decider.state, boot_clock())
    return node.name in (one.status.local_endpoint.hostname for one in ready)


class Parts(Loaded):
    """Loaded plugins that are a test's objects."""

    def __init__(self, settings: Settings, node: Node, hooks: Hooks) -> None:
        super().__init__(settings, (), hooks)
        self._node = node

    def cable_drivers(self) -> tuple[tuple[str, CableDriver], ...]:
        return (("memory", self._node.driver),)

    def capabilities(self, name: str) -> Capability:
        return Capability.STANDBY

    def lease_store(self) -> LeaseStore:
        return self._node.lease

    def datastore(self) -> Transport:
        return self._node.datastore

    def broker(self) -> Transport | None:
        return self._node.broker


class NodeKernel(Kernel):
    """The kernel of a namespace that this thread is not in."""

    def __init__(self, namespaces: Namespaces, name: str) -> None:
        super().__init__()
        self._enter: Callable[[], Any] = lambda: namespaces.entered(name)

    async def open(self) -> None:
        with self._enter():
            await super().open()

    async def watch(self, neighbours: bool = False) -> AsyncIterator[str]:
        events = super().watch(neighbours)
        with self._enter():
            first = await anext(events)
        yield first
        async for name in events:
            yield name


@dataclass
class Node:
    """A gateway node: what outlives its processes, and its ways to the stores."""

    site: EastSite
    number: int
    namespace: str
    state_dir: File
    host: MemoryHost = field(default_factory=MemoryHost)
    extension: RecordingExtension = field(default_factory=RecordingExtension)

    def __post_init__(self) -> None:
        self.name = f"east-gw{self.number}"
        self.reconnect()

    def reconnect(self) -> None:
        """What a new process has: connections and drivers of its own."""
        self.driver = MemoryCableDriver(self.host, advertise={"udp-port": "4500"})
        self.lease = MemoryLeaseStore(self.site.lease, self.name)
        self.datastore = MemoryTransport(self.site.datastore, f"{self.name} to datastore")
        self.broker: MemoryTransport | None = MemoryTransport(self.site.broker, "to broker")

    def settings(self, **changes: object) -> Settings:
        return Settings(
            **{
                "cluster_id": "east",
                "cluster_cidr": (POD_CIDR,),
                "service_cidr": (SERVICE_CIDR,),
                "plugins": PluginNames(cable=("memory",), election="memory", datastore="memory"),
                "node_name": self.name,
                "private_ip": IPv4Address(f"192.0.2.{self.number}"),
                "state_dir": self.state_dir,
                "lease": LEASE,
                "health_check": HealthCheck(enabled=False),
                "metrics": Metrics(gateway_port=0),
                "nat_discovery": NatDiscovery(port=0),
                **changes,
            }
        )

    @contextlib.asynccontextmanager
    async def running(self, **changes: object) -> AsyncIterator[Engine]:
        """A gateway process; it is killed at the end, unless it ended by itself."""
        async with self.process(**changes) as (gateway, task):
            yield gateway
            assert not task.done(), task.exception()

    @contextlib.asynccontextmanager
    async def process(self, **changes: object) -> AsyncIterator[tuple[Engine, asyncio.Task[None]]]:
        """A gateway process that may end by itself."""
        settings = self.settings(**changes)
        kernel = NodeKernel(self.site.namespaces, self.namespace)
        await kernel.open()
        parts = Parts(settings, self, Hooks.inline(self.extension))
        gateway = Gateway(settings, parts, kernel=kernel)
        task = asyncio.create_task(gateway.run())
        try:
            await until(lambda: gateway.engine or task.done())
            yield cast("Engine", gateway.engine), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await kernel.close()
            self.reconnect()

    def ip(self, *words: str) -> str:
        """Run ``ip`` on the node."""
        return self.site.namespaces.run(self.namespace, ["ip", *words])

    def ways(self) -> str:
        """All that the gateway programs on this node."""
        words = [("route", "show", "table", table) for table in ("100", "101", "102")]
        return "".join(self.ip(*one) for one in (*words, ("nexthop",), ("rule",)))

    @property
    def says(self) -> GatewayObject:
        """The Gateway object that this node's process has published; a blank one before."""
        record = self.site.datastore.get(Kind.GATEWAY, self.name)
        found = decode(record) if record is not None else stored_gateway(self.number, "east")
        assert isinstance(found, GatewayObject)
        return found

    @property
    def connected(self) -> frozenset[str]:
        """The cables that the published object calls connected."""
        return frozenset(
            one.endpoint.cable_name
            for one in self.says.status.connections
            if one.status is ConnectionStatus.CONNECTED
        )


@dataclass
class EastSite:
    """Cluster ``east``: its datastore and lease, and the broker where it meets the others."""

    namespaces: Namespaces
    folder: File
    datastore: MemoryStore = field(default_factory=MemoryStore)
    broker: MemoryStore = field(default_factory=MemoryStore)
    lease: MemoryLease = field(default_factory=MemoryLease)

    def node(self, number: int) -> Node:
        """A gateway node with a device through which all of 192.0.2.0/24 is reached."""
        name = self.namespaces.create(f"gw{number}")
        state_dir = self.folder / str(number)
        node = Node(self, number, name, state_dir)
        node.ip("link", "add", "memory0", "type", "bridge")
        node.ip("addr", "add", f"192.0.2.{number}/24", "dev", "memory0")
        node.ip("link", "set", "memory0", "up")
        node.ip("addr", "add", f"10.1.{number}.1/32", "dev", "lo")
        return node

    def join(self, *gateways: Endpoint, epoch: int | None = 1) -> None:
        """Another cluster at the broker, led by the first of its gateways."""
        leader = gateways[0]
        cluster_id = leader.cluster_id
        listed = tuple(GatewayEntry(one, slot) for slot, one in enumerate(gateways))
        pods = tuple(leader.subnets)
        meta = Metadata(cluster_id, origin=cluster_id)
        self.put(ClusterObject(meta, Cluster(cluster_id, (), pods), epoch))
        self.put(stored_endpoint(leader, origin=cluster_id, epoch=epoch, gateways=listed))

    def put(self, stored: StoredObject, store: MemoryStore | None = None) -> None:
        """Somebody writes to the broker, or to another store."""
        (store or self.broker).put(encode(stored), None)

    def endpoints(self, store: MemoryStore, cluster_id: str = "east") -> list[str]:
        """The host names of a cluster's Endpoints in a store."""
        return [
            decoded.spec.hostname
            for record in store.records
            if record.ref.kind is Kind.ENDPOINT
            and (decoded := decode(record)).spec.cluster_id == cluster_id
        ]

    def epoch(self, store: MemoryStore, cluster_id: str = "east") -> int | None:
        """The epoch that a cluster's Cluster object in a store is fenced with."""
        record = store.get(Kind.CLUSTER, cluster_id)
        return None if record is None else decode(record).epoch  # type: ignore[union-attr]


def west(number: int = 101, **fields: object) -> Endpoint:
    """A gateway of cluster ``west``: pods in 10.2.0.0/16."""
    values = {
        "subnets": ["10.2.0.0/16"],
        "backend": "memory",
        "health_check_ip": IPv4Address(f"10.2.{number}.1"),
        **fields,
    }
    return endpoint("west", number, **values)


def north(number: int = 201, **fields: object) -> Endpoint:
    """A gateway of cluster ``north``: pods in 10.3.0.0/16."""
    values = {"subnets": ["10.3.0.0/16"], "backend": "memory", **fields}
    return endpoint("north", number, **values)


def changed(one: Endpoint, **fields: object) -> Endpoint:
    """The same gateway, with something changed."""
    return replace(one, **fields)


@contextlib.contextmanager
def east(namespaces: Namespaces) -> Iterator[EastSite]:
    """The cluster; its state folders are gone afterwards."""
    # short: the path of a socket in it has to fit 108 bytes
    with tempfile.TemporaryDirectory(prefix="sm-") as folder:
        yield EastSite(namespaces, File(folder))
