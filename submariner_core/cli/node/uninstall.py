"""What ``cleanup`` does, and the daemons when they are asked to uninstall instead of to run."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from submariner_core.api.errors import StoreError
from submariner_core.api.naming import sanitise
from submariner_core.api.transport import Kind, Ref
from submariner_core.cli.checks.privileges import NET_ADMIN, demand
from submariner_core.cli.node.removal import Remover
from submariner_core.cli.stores import read_store
from submariner_core.config import Settings
from submariner_core.engine.cleanup import remove_routing
from submariner_core.kernel import Kernel
from submariner_core.loading import Loaded
from submariner_core.reconcile.departure import all_records, records_of
from submariner_core.reconcile.stores import StoreView


class Uninstall:
    """Takes one node, or with it its cluster, out of service. Opens nothing that it removes."""

    def __init__(self, loaded: Loaded, kernel: Kernel) -> None:
        self._loaded = loaded
        self._settings: Settings = loaded.settings
        self._remover = Remover(kernel)
        self._kernel = kernel
        self.account = self._remover.account
        self.hints: list[str] = []
        """What stays though a user might expect otherwise, in sentences."""

    @property
    def failed(self) -> bool:
        """Whether anything could not be removed."""
        return self._remover.failed

    async def route_agent(self) -> None:
        """Remove what the route driver made, and this node's RouteAgent."""
        driver = self._loaded.route_driver()
        if driver is not None:
            name = self._settings.plugins.route or ""
            done = await self._remover.from_kernel(f"route driver {name}", driver.cleanup)
            await driver.close()
            if done:
                self._remover.folder(self._settings.state_dir / name)
        await self._own_record(Ref(Kind.ROUTE_AGENT, self._settings.node_name))

    async def gateway(self, *, leave: bool) -> None:
        """Remove routing and cables, and this node's Gateway.

        With ``leave`` the whole cluster leaves, as upstream's uninstall has it: every Endpoint
        and Cluster of its datastore goes, and those that it has at the broker.
        """
        await self._remover.from_kernel("routing", lambda: remove_routing(self._kernel))
        for name, driver in self._loaded.cable_drivers():
            done = await self._remover.from_kernel(f"cable driver {name}", driver.cleanup)
            await driver.close()
            if done:
                self._remover.folder(self._settings.state_dir / name)
        await self._own_record(Ref(Kind.GATEWAY, sanitise(self._settings.node_name)))
        await (self._leave() if leave else self._look_back())

    async def close(self) -> None:
        """Release the stores."""
        for store in (self._loaded.datastore(), self._loaded.broker()):
            if store is not None:
                await store.close()

    async def _own_record(self, ref: Ref) -> None:
        store = self._loaded.datastore()
        with self._remover.accounting("datastore"):
            view = await read_store(store, (ref.kind,))
            if view.has(ref):
                await self._remover.from_store("datastore", store, (ref,))

    async def _leave(self) -> None:
        datastore, broker = self._loaded.datastore(), self._loaded.broker()
        with self._remover.accounting("datastore"):
            view = await read_store(datastore, (Kind.ENDPOINT, Kind.CLUSTER))
            await self._remover.from_store("datastore", datastore, all_records(view))
        if broker is None:
            return
        with self._remover.accounting("broker"):
            view = await read_store(broker, (Kind.ENDPOINT, Kind.CLUSTER))
            own = records_of(view, self._settings.cluster_id)
            await self._remover.from_store("broker", broker, own)

    async def _look_back(self) -> None:
        """The last gateway of a cluster leaves records behind that nobody else will delete."""
        with contextlib.suppress(StoreError, OSError):  # told already, when the Gateway was read
            view: StoreView = await read_store(self._loaded.datastore())
            own = records_of(view, self._settings.cluster_id)
            if own and not view.gateways():
                self.hints.append(
                    f"this was the last gateway of cluster {self._settings.cluster_id!r}: its "
                    "Endpoint and Cluster stay in the datastore and at the broker; "
                    "to remove them too: submariner cleanup --uninstall"
                )


@contextlib.asynccontextmanager
async def uninstalling(loaded: Loaded) -> AsyncIterator[Uninstall]:
    """An :class:`Uninstall` with what it needs, released at the end.

    Raises :class:`NotPermitted` where nothing could be removed but records.
    """
    demand(NET_ADMIN)
    async with Kernel() as kernel:
        work = Uninstall(loaded, kernel)
        try:
            yield work
        finally:
            await work.close()
