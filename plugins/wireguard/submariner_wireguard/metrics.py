"""The driver's metrics, read off its last observation at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from submariner_wireguard.figures import Figures

_PEER_LABELS = ("remote_cluster", "remote_hostname", "device")


class WireGuardCollector(Collector):
    """Turns the figures of the drivers of this process into metric families."""

    def __init__(self, figures: Callable[[], Iterable[Figures]]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        info = GaugeMetricFamily(
            "submariner_wireguard_implementation",
            "1 for the one in use",
            labels=["implementation"],
        )
        ages = GaugeMetricFamily(
            "submariner_wireguard_handshake_age_seconds",
            "Age of the last handshake",
            labels=_PEER_LABELS,
        )
        deaths = CounterMetricFamily(
            "submariner_wireguard_daemon_deaths",
            "Userspace daemons that died and were restarted",
            labels=["device"],
        )
        gap = GaugeMetricFamily(
            "submariner_wireguard_daemon_gap_seconds",
            "Longest time from such a death to the first handshake after it",
        )
        for one in self._figures():
            if one.implementation:
                info.add_metric([one.implementation], 1)
            for peer in one.peers:
                if peer.handshake_age is not None:
                    labels = [peer.cluster_id, peer.hostname, peer.device]
                    ages.add_metric(labels, peer.handshake_age)
            for device, count in sorted(one.deaths.items()):
                deaths.add_metric([device], count)
            if one.deaths:
                gap.add_metric([], one.gap)
        yield from (info, ages, deaths, gap)
