"""The gateway's metrics: what a scrape shows of the present, and nothing of the past."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from submariner_core.api.cable import CableState
from submariner_core.api.model import Connection, ConnectionStatus, Endpoint, LatencyRTT
from submariner_core.engine.metrics import Figures, GatewayCollector, cause_label
from tests.reconcile.objects import endpoint

WEST = endpoint("west", 9)
UP = Connection(ConnectionStatus.CONNECTED, "", WEST, latency=LatencyRTT(last=2_500_000))
CABLES = {WEST.cable_name: CableState(WEST.cable_name, UP.status, rx_bytes=7, tx_bytes=0)}


class Scraped:
    """A registry whose figures a test swaps."""

    def __init__(self) -> None:
        self.figures = Figures(local=endpoint("east"))
        self._registry = CollectorRegistry()
        self._registry.register(GatewayCollector(lambda: self.figures))

    def samples(self) -> dict[tuple[str, str], float]:
        """Values by series name and remote host name, status or cause; each series once."""
        found: dict[tuple[str, str], float] = {}
        seen = set()
        for family in text_string_to_metric_families(generate_latest(self._registry).decode()):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in seen, f"{key} stands twice"
                seen.add(key)
                label = sample.labels.get("status") or sample.labels.get("remote_hostname")
                found[sample.name, label or sample.labels.get("cause") or ""] = sample.value
        return found


@pytest.fixture
def scraped() -> Scraped:
    return Scraped()


def test_a_connection_has_its_status_bytes_latency_and_age(scraped: Scraped) -> None:
    scraped.figures = replace(
        scraped.figures, connections=(UP,), cables=CABLES, since={WEST.cable_name: 1700000000.0}
    )
    samples = scraped.samples()
    assert samples["submariner_connections", "connected"] == 1
    assert samples["submariner_connections_short", "connected"] == 1
    assert samples["submariner_gateway_rx_bytes", WEST.hostname] == 7
    assert samples["submariner_gateway_tx_bytes", WEST.hostname] == 0
    assert samples["submariner_connection_latency_seconds", WEST.hostname] == 0.0025
    assert samples["submariner_connection_established_timestamp", WEST.hostname] == 1700000000


def test_no_series_outlives_its_status(scraped: Scraped) -> None:
    """Never again 9: status series of what is long gone."""
    scraped.figures = replace(scraped.figures, connections=(UP,), cables=CABLES)
    scraped.samples()
    scraped.figures = replace(
        scraped.figures, connections=(replace(UP, status=ConnectionStatus.ERROR),)
    )
    samples = scraped.samples()
    assert samples["submariner_connections", "error"] == 1
    assert ("submariner_connections", "connected") not in samples
    assert ("submariner_connections_short", "connected") not in samples


def test_no_series_outlives_its_connection(scraped: Scraped) -> None:
    """Never again 9: series of clusters that are long gone."""
    scraped.figures = replace(scraped.figures, connections=(UP,), cables=CABLES)
    assert any(WEST.hostname in key for key in scraped.samples())
    scraped.figures = replace(scraped.figures, connections=(), cables=CABLES)
    assert not any(WEST.hostname in key for key in scraped.samples())


def test_two_gateways_that_call_themselves_alike_do_not_spoil_the_scrape(scraped: Scraped) -> None:
    twin = replace(endpoint("west", 8), hostname=WEST.hostname)
    alike = (UP, replace(UP, endpoint=twin))
    scraped.figures = replace(scraped.figures, connections=alike, cables=CABLES)
    assert scraped.samples()["submariner_connections", "connected"] == 1


def test_a_remote_with_hostile_names_is_a_label_like_any(scraped: Scraped) -> None:
    """Never again 10: a hostile label stops nothing."""
    hostile = replace(WEST, hostname='a"} 1\n# TYPE x counter\\')
    scraped.figures = replace(scraped.figures, connections=(replace(UP, endpoint=hostile),))
    assert ("submariner_connections", "connected") in scraped.samples()


def test_a_gateway_that_is_not_open_yet_has_the_metrics_of_its_process(scraped: Scraped) -> None:
    scraped.figures = Figures(
        active=True, epoch=4, stale_writes=2, transitions={"x": 3}, moves={"y": 5}
    )
    samples = scraped.samples()
    assert samples["submariner_gateway_active", ""] == 1
    assert samples["submariner_gateway_epoch", ""] == 4
    assert samples["submariner_gateway_refused_stale_writes_total", ""] == 2
    assert samples["submariner_gateway_transitions_total", "x"] == 3
    assert samples["submariner_gateway_moves_total", "y"] == 5


@pytest.mark.parametrize(
    ("cause", "label"),
    [
        ("the lease has no holder", "the lease has no holder"),
        ("the lease of a-b_1a2b3c4d_00ff00ff expired", "the lease of ? expired"),
        (
            "reclaimed from a_1a2b3c4d_1, which ran on this host",
            "reclaimed from ? which ran on this host",
        ),
        ("named as successor by pod-x", "named as successor by ?"),
        ("handed over to b_1a2b3c4d_00ff00ff", "handed over to ?"),
        ("handed over to b_1_2: this one leaves", "handed over to ?: this one leaves"),
        (
            "handed over to b_1_2: b reaches west, north and this gateway does not",
            "handed over to ?: ? reaches more",
        ),
        (
            "handed over to b_1_2: 2 of 3 nodes send through b",
            "handed over to ?: ? of ? nodes send through ?",
        ),
        (
            "handed over to b_1_2: the lead is pinned to b",
            "handed over to ?: the lead is pinned to ?",
        ),
        ("submariner-cable-west-172-31-2-1 does not answer", "? does not answer"),
        ("the leader answers for 10 s", "the leader answers for ? s"),
        ("c_1a2b3c4d_00ff00ff took the lease", "? took the lease"),
        ("epoch 17 was seen", "epoch ? was seen"),
        ("withdrawn", "withdrawn"),
    ],
)
def test_causes_are_few_whoever_they_name(cause: str, label: str) -> None:
    """Never again 9: a label that names each process that ever led would never end."""
    assert cause_label(cause) == label


def test_an_endpoint_without_public_address_has_an_empty_one(scraped: Scraped) -> None:
    assert isinstance(scraped.figures.local, Endpoint)
    scraped.figures = replace(scraped.figures, connections=(UP,))
    assert ("submariner_connections", "connected") in scraped.samples()
