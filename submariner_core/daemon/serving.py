"""What is seen of a daemon from outside: its HTTP endpoint, and the beat of its event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector

from submariner_core.loading.facade import Hooks
from submariner_core.observe.http import HealthServer, Readiness

BEAT = 1.0
"""Seconds between two signs of life of the event loop."""


def serve(
    where: tuple[str, int], collector: Collector, hooks: Hooks, readiness: Callable[[], Readiness]
) -> HealthServer:
    """Serve ``collector``, the plugins' metrics and the process's own; port 0: serve nothing.

    Raises :class:`~submariner_core.api.errors.ConfigError` when the port cannot be had.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(collector)
    hooks.register_metrics(registry)
    address, port = where
    server = HealthServer(address, port, registry, readiness)
    if port:
        server.start()
    return server


async def beat(server: HealthServer) -> None:
    """Tell ``server`` until cancelled that the event loop runs."""
    while True:
        server.beat()
        await asyncio.sleep(BEAT)
