"""The route agent's metrics, read off the current state at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from submariner_core.api.model import RemoteStatus


@dataclass(frozen=True, slots=True)
class Figures:
    """What a scrape shows. ``carries`` is the gateway that this node sends through.

    ``widening`` is by how much probes come slower than asked for, ``detection`` after how many
    seconds a dead path is noticed then.
    """

    carries: str = ""
    prefixes: int = 0
    remotes: tuple[RemoteStatus, ...] = ()
    applied: bool = False
    moves: int = 0
    repairs: int = 0
    void_rounds: int = 0
    widening: float = 1.0
    detection: float | None = None


class RouteAgentCollector(Collector):
    """Turns :class:`Figures` into metric families; no series outlives what it tells of."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        figures = self._figures()
        prefix = "submariner_routeagent"
        yield GaugeMetricFamily(
            f"{prefix}_applied", "1 while the node is as planned", int(figures.applied)
        )
        yield GaugeMetricFamily(
            f"{prefix}_remote_prefixes", "Remote prefixes steered", figures.prefixes
        )
        carries = GaugeMetricFamily(
            f"{prefix}_gateway", "1 for the gateway this node sends through", labels=["gateway"]
        )
        if figures.carries:
            carries.add_metric([figures.carries], 1)
        yield carries
        yield CounterMetricFamily(f"{prefix}_moves", "Changes of that gateway", figures.moves)
        yield CounterMetricFamily(
            f"{prefix}_repairs", "Times something was put back", figures.repairs
        )
        yield CounterMetricFamily(
            f"{prefix}_void_probe_rounds",
            "Probe rounds not judged because this process ran late",
            figures.void_rounds,
        )
        yield GaugeMetricFamily(
            f"{prefix}_probe_widening",
            "By how much probe intervals are longer than asked for",
            figures.widening,
        )
        yield GaugeMetricFamily(
            f"{prefix}_detection_seconds",
            "Time until a path that carries counts as down, at most",
            figures.detection,
        )
        labels = ["remote_cluster", "remote_hostname"]
        status = GaugeMetricFamily(
            f"{prefix}_connections", "1 for the current status", labels=[*labels, "status"]
        )
        latency = GaugeMetricFamily(
            f"{prefix}_latency_seconds", "Last round-trip time from this node", labels=labels
        )
        for remote in figures.remotes:
            values = [remote.endpoint.cluster_id, remote.endpoint.hostname]
            status.add_metric([*values, remote.status.value], 1)
            if remote.latency is not None:
                latency.add_metric(values, remote.latency.last / 1e9)
        yield status
        yield latency
