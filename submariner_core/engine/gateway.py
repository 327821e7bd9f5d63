"""The gateway process: one per host, told by signals, with its HTTP server; its ways to end."""

from __future__ import annotations

import asyncio
import signal

import structlog

from submariner_core import __version__
from submariner_core.config.settings import Settings
from submariner_core.daemon.closing import close_all
from submariner_core.daemon.lock import GATEWAY, lock_host
from submariner_core.daemon.reloading import Reread, reload_on_hangup
from submariner_core.daemon.serving import beat, serve
from submariner_core.engine.engine import Engine
from submariner_core.engine.events import Reloaded
from submariner_core.engine.metrics import GatewayCollector
from submariner_core.kernel import Kernel
from submariner_core.loading import Loaded
from submariner_core.observe.http import HealthServer

LEAVE_LIMIT = 45.0
"""Seconds that handing over and draining may take before the process exits regardless."""

log = structlog.get_logger("submariner.gateway")


class Gateway:
    """One gateway. ``run`` returns after SIGTERM or SIGINT; the data path stays as it is.

    ``engine`` is there once the host's lock is held.
    """

    def __init__(
        self,
        settings: Settings,
        loaded: Loaded,
        reread: Reread | None = None,
        *,
        kernel: Kernel | None = None,
    ) -> None:
        self._settings = settings
        self._reread = reread
        self._loaded = loaded
        self._kernel = kernel or Kernel()
        self.engine: Engine | None = None

    async def run(self) -> None:
        """Run until told to stop. Raises :class:`ConfigError` when it cannot start."""
        lock = await lock_host(self._settings.state_dir, GATEWAY)
        try:
            self.engine = engine = Engine(
                self._settings, self._loaded, self._kernel, reclaims=lock.held
            )
            metrics = self._settings.metrics
            server = serve(
                (metrics.address, metrics.gateway_port),
                GatewayCollector(lambda: engine.figures),
                self._loaded.hooks,
                lambda: engine.readiness,
            )
            try:
                await self._run(engine, server)
            finally:
                server.stop()
        finally:
            await self._close()
            lock.release()

    async def _run(self, engine: Engine, server: HealthServer) -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()

        def told() -> None:
            (hurry if stop.is_set() else stop).set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told)
        log.info("starting", version=__version__, cluster=self._settings.cluster_id)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(beat(server)), *engine.start(group)]
            reload_on_hangup(
                self._settings,
                self._reread,
                lambda now: engine.post(Reloaded(now.warm, now.evidence)),
            )
            await stop.wait()
            log.info("stopping")
            await self._leave(engine, group, hurry)
            for task in tasks:
                task.cancel()

    async def _leave(self, engine: Engine, group: asyncio.TaskGroup, hurry: asyncio.Event) -> None:
        """Hand over and drain; a second signal or too long a wait ends it."""
        leaving = group.create_task(engine.hand_over.leave())
        hurried = group.create_task(hurry.wait())
        try:
            await asyncio.wait(
                {leaving, hurried}, timeout=LEAVE_LIMIT, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (leaving, hurried):
                task.cancel()
            await asyncio.gather(leaving, hurried, return_exceptions=True)

    async def _close(self) -> None:
        loaded = self._loaded
        stores = (loaded.lease_store(), loaded.datastore(), loaded.broker())
        closes = [driver.close for _, driver in loaded.cable_drivers()]
        closes += [store.close for store in stores if store is not None]
        await close_all((*closes, self._kernel.close))
