"""A cluster whose datastore and broker are files, for commands that read or change stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from submariner_core.api.codec import encode
from submariner_core.api.model import Connection, ConnectionStatus, StoredObject
from submariner_core.api.transport import Record, Transport
from submariner_core.cli.stores import read_store
from submariner_core.loading import load_from
from tests.reconcile.objects import endpoint, stored_cluster, stored_endpoint, stored_gateway

CONFIG = """\
cluster_id: east
cluster_cidr: [10.1.0.0/16]
service_cidr: [100.1.0.0/16]
node_name: east-gw1
state_dir: {folder}/state
metrics: {{gateway_port: 0, route_agent_port: 0}}
plugins:
  cable: [vxlan]
  election: local
  datastore: local
  broker: local
  route: kubeproxy
options:
  election: {{path: {folder}/east.db}}
  datastore: {{path: {folder}/east.db}}
  broker: {{path: {folder}/broker.db}}
"""


class Stores:
    """The two stores of cluster ``east``, and its settings file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "node.yaml"
        self.path.write_text(CONFIG.format(folder=folder))

    def put(self, where: str, *objects: StoredObject | Record) -> None:
        """Store objects, unfenced; ``where`` is ``datastore`` or ``broker``."""

        async def write(store: Transport) -> None:
            for one in objects:
                await store.put(one if isinstance(one, Record) else encode(one), None)

        self._on(where, write)

    def names(self, where: str) -> list[str]:
        """What is stored, as texts in order."""
        found: list[str] = []

        async def read(store: Transport) -> None:
            view = await read_store(store)
            found.extend(str(ref) for ref in sorted({*view.objects, *view.malformed}))

        self._on(where, read)
        return found

    def _on(self, where: str, work: Callable[[Transport], object]) -> None:
        loaded = load_from(self.path, {})
        store = loaded.datastore() if where == "datastore" else loaded.broker()
        assert store is not None

        async def run() -> None:
            try:
                await work(store)  # type: ignore[misc]
            finally:
                await store.close()

        asyncio.run(run())


def cluster(cluster_id: str, number: int, origin: str | None) -> tuple[StoredObject, StoredObject]:
    """The Cluster and the Endpoint of a cluster, as a store has them."""
    spec = endpoint(cluster_id, number, subnets=(f"10.{number}.0.0/16",))
    return (
        stored_cluster(cluster_id, 3, origin=origin),
        stored_endpoint(spec, origin=origin, epoch=3),
    )


def gateway_connected_to(cluster_id: str, number: int, status: ConnectionStatus) -> StoredObject:
    """The own Gateway, with one connection."""
    remote = endpoint(cluster_id, number)
    return stored_gateway(1, "east", connections=(Connection(status, "", remote),))
