"""What is seen of a daemon from outside: its HTTP endpoint, and the beat of its event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector

from submariner_core.loading.facade import Hooks
from submariner_core.observe.http import HealthServer, PortTaken, Readiness

BEAT = 1.0
"""Seconds between two signs of life of the event loop."""

log = structlog.get_logger("submariner.http")


def serve(
    where: tuple[str, int], collector: Collector, hooks: Hooks, readiness: Callable[[], Readiness]
) -> HealthServer:
    """Serve ``collector``, the plugins' metrics and the process's own; port 0: serve nothing.

    A port that somebody else has now is no reason not to start: :func:`beat` tries again.
    Raises :class:`~submariner_core.api.errors.ConfigError` when the port can never be had.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(collector)
    hooks.register_metrics(registry)
    address, port = where
    server = HealthServer(address, port, registry, readiness)
    if server.due:
        try:
            server.start()
        except PortTaken as error:
            log.warning("metrics-not-served-yet", reason=str(error), retry_in=BEAT)
    return server


async def beat(server: HealthServer) -> None:
    """Tell ``server`` until cancelled that the event loop runs; start it once its port is free."""
    while True:
        server.beat()
        if server.due:
            with contextlib.suppress(PortTaken):
                server.start()
                log.info("metrics-served", port=server.port)
        await asyncio.sleep(BEAT)
