"""The driver's metrics, read off its last observation at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from submariner_libreswan.daemon import Figures


class IpsecCollector(Collector):
    """Turns the figures of the drivers of this process into metric families."""

    def __init__(self, figures: Callable[[], Iterable[Figures]]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        info = GaugeMetricFamily(
            "submariner_ipsec_daemon",
            "1 for the IKE daemon and data plane in use",
            labels=["daemon", "data_plane"],
        )
        children = GaugeMetricFamily(
            "submariner_ipsec_child_sas", "Child SAs that stand", labels=["cable"]
        )
        deaths = CounterMetricFamily(
            "submariner_ipsec_daemon_deaths", "IKE daemons that died and were restarted"
        )
        gap = GaugeMetricFamily(
            "submariner_ipsec_daemon_gap_seconds", "Longest time without an IKE daemon"
        )
        for one in self._figures():
            if one.daemon:
                info.add_metric([one.daemon, one.plane], 1)
            for name, count in sorted(one.children.items()):
                children.add_metric([name], count)
            deaths.add_metric([], one.restarts)
            if one.restarts:
                gap.add_metric([], one.gap)
        yield from (info, children, deaths, gap)
