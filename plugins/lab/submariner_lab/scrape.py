"""Reading a gateway's /metrics from inside its node."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from submariner_lab import http

RX, TX = "submariner_gateway_rx_bytes", "submariner_gateway_tx_bytes"
VOID = "submariner_gateway_void_probe_rounds"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes through the cables to one remote gateway."""

    remote_cluster: str
    remote_hostname: str
    received: int
    sent: int


async def traffic(netns: str) -> tuple[Traffic, ...]:
    """What the gateway in ``netns`` has moved; nothing when it does not answer."""
    try:
        status, body = await http.get(netns, http.GATEWAY_PORT, "/metrics")
        return parse(body) if status == 200 else ()
    except (OSError, ValueError):
        return ()


async def void_rounds(netns: str) -> float:
    """Probe rounds that the gateway in ``netns`` did not judge. Raises ``OSError``."""
    _, body = await http.get(netns, http.GATEWAY_PORT, "/metrics")
    families = text_string_to_metric_families(body)
    return sum(s.value for f in families for s in f.samples if s.name == f"{VOID}_total")


def parse(text: str) -> tuple[Traffic, ...]:
    """The byte counters in an exposition. Raises ``ValueError`` for what is none."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removesuffix("_total")
            if name in {RX, TX}:
                remote = (sample.labels["remote_cluster"], sample.labels["remote_hostname"])
                counts = found.setdefault(remote, {})
                counts[name] = counts.get(name, 0) + int(sample.value)
    return tuple(
        Traffic(cluster, host, counts.get(RX, 0), counts.get(TX, 0))
        for (cluster, host), counts in sorted(found.items())
    )
