"""The gateway's metrics, under upstream's names, read off the current state at each scrape.

Nothing is remembered between scrapes, so no series outlives its connection or its status.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from submariner_core.api.cable import CableState
from submariner_core.api.model import Connection, Endpoint

_CONNECTION_LABELS = (
    "cable_driver",
    "local_cluster",
    "local_hostname",
    "local_endpoint_ip",
    "remote_cluster",
    "remote_hostname",
    "remote_endpoint_ip",
)


_NAMES = (
    (re.compile(r"^(the lease of|reclaimed from|named as .* by|handed over to) [^\s:]+"), r"\1 ?"),
    (re.compile(r"^\S+ (took the lease|does not answer)"), r"? \1"),
    (re.compile(r": \S+ reaches .* and this gateway does not"), ": ? reaches more"),
    (re.compile(r"(nodes send through|the lead is pinned to) \S+"), r"\1 ?"),
    (re.compile(r"\b\d+\b"), "?"),
)
"""What differs from one change to the next, in the words of those who decide it."""


def cause_label(cause: str) -> str:
    """The cause of a change of leadership or path without names and numbers: one of a few."""
    for pattern, general in _NAMES:
        cause = pattern.sub(general, cause)
    return cause


@dataclass(frozen=True, slots=True)
class Figures:
    """What a scrape shows: a value, swapped whole by the engine's one task.

    ``since`` maps a cable's name to the Unix time at which it was made; ``transitions`` counts
    changes of leadership, ``moves`` those of a path, by cause; ``widening`` is by how much probes
    come slower than asked for, ``detection`` after how many seconds a dead path is noticed then;
    ``observer_failures`` are exceptions of plugins by plugin and hook.
    """

    local: Endpoint | None = None
    connections: tuple[Connection, ...] = ()
    cables: Mapping[str, CableState] = field(default_factory=dict)
    since: Mapping[str, float] = field(default_factory=dict)
    active: bool = False
    epoch: int = 0
    syncs: int = 0
    transitions: Mapping[str, int] = field(default_factory=dict)
    moves: Mapping[str, int] = field(default_factory=dict)
    stale_writes: int = 0
    void_rounds: int = 0
    widening: float = 1.0
    detection: float | None = None
    kernel_writes: int = 0
    observer_failures: Mapping[tuple[str, str], int] = field(default_factory=dict)


class GatewayCollector(Collector):
    """Turns :class:`Figures` into metric families."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        figures = self._figures()
        yield from _process(figures)
        if figures.local is not None:
            yield from _connections(figures, figures.local)


def _process(figures: Figures) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "submariner_gateway_sync_iterations", "Writes of the Gateway object", figures.syncs
    )
    yield GaugeMetricFamily("submariner_gateway_active", "1 on the active", int(figures.active))
    yield GaugeMetricFamily("submariner_gateway_epoch", "Epoch last held", figures.epoch)
    yield CounterMetricFamily(
        "submariner_gateway_refused_stale_writes",
        "Writes a store refused because another gateway leads",
        figures.stale_writes,
    )
    yield CounterMetricFamily(
        "submariner_gateway_void_probe_rounds",
        "Probe rounds not judged because this process ran late",
        figures.void_rounds,
    )
    yield GaugeMetricFamily(
        "submariner_gateway_probe_widening",
        "By how much probe intervals are longer than asked for",
        figures.widening,
    )
    yield GaugeMetricFamily(
        "submariner_gateway_detection_seconds",
        "Time until a path that carries counts as down, at most",
        figures.detection,
    )
    yield CounterMetricFamily(
        "submariner_gateway_kernel_writes", "Routing changes written", figures.kernel_writes
    )
    causes = CounterMetricFamily(
        "submariner_gateway_transitions", "Changes of leadership by cause", labels=["cause"]
    )
    for cause, count in sorted(figures.transitions.items()):
        causes.add_metric([cause], count)
    yield causes
    moves = CounterMetricFamily(
        "submariner_gateway_moves", "Changes of what carries to a cluster", labels=["cause"]
    )
    for cause, count in sorted(figures.moves.items()):
        moves.add_metric([cause], count)
    yield moves
    failures = CounterMetricFamily(
        "submariner_plugin_hook_failures",
        "Exceptions and wrong answers of plugins' hooks",
        labels=["plugin", "hook"],
    )
    for (plugin, hook), count in sorted(figures.observer_failures.items()):
        failures.add_metric([plugin, hook], count)
    yield failures


def _connections(figures: Figures, local: Endpoint) -> Iterator[Metric]:
    labels = list(_CONNECTION_LABELS)
    rx = GaugeMetricFamily("submariner_gateway_rx_bytes", "Bytes received", labels=labels)
    tx = GaugeMetricFamily("submariner_gateway_tx_bytes", "Bytes sent", labels=labels)
    status = GaugeMetricFamily(
        "submariner_connections", "1 for the current status", labels=[*labels, "status"]
    )
    since = GaugeMetricFamily(
        "submariner_connection_established_timestamp", "Unix time of creation", labels=labels
    )
    latency = GaugeMetricFamily(
        "submariner_connection_latency_seconds", "Last round-trip time", labels=labels
    )
    short = GaugeMetricFamily(
        "submariner_connections_short", "1 for a status seen", labels=["cable_driver", "status"]
    )
    seen: set[tuple[str, ...]] = set()
    for connection in figures.connections:
        values = _values(local, connection)
        if values in seen:
            continue  # two gateways that call themselves alike: a series stands once
        seen.add(values)
        name = connection.endpoint.cable_name
        status.add_metric([*values, connection.status.value], 1)
        if connection.latency is not None and connection.latency.last:
            latency.add_metric(values, connection.latency.last / 1e9)
        if name in figures.since:
            since.add_metric(values, figures.since[name])
        state = figures.cables.get(name)
        if state is not None and state.rx_bytes is not None:
            rx.add_metric(values, state.rx_bytes)
        if state is not None and state.tx_bytes is not None:
            tx.add_metric(values, state.tx_bytes)
    for driver, value in sorted(
        {(c.endpoint.backend, c.status.value) for c in figures.connections}
    ):
        short.add_metric([driver, value], 1)
    yield from (rx, tx, status, since, latency, short)


def _values(local: Endpoint, connection: Connection) -> tuple[str, ...]:
    remote = connection.endpoint
    return (
        remote.backend,
        local.cluster_id,
        local.hostname,
        str(local.public_ip or ""),
        remote.cluster_id,
        remote.hostname,
        str(remote.public_ip or ""),
    )
