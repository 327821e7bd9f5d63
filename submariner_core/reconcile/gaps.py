"""Cables that stay down though their cluster is reached: a port that is closed, or not forwarded.

They matter to a failover that has not come yet, so the active gateway names them beforehand,
those of its standbys too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from submariner_core.api.model import Connection, ConnectionStatus
from submariner_core.reconcile.cables import udp_port

PATIENCE = 30.0
"""Seconds for which a cable may be down before it is named."""

GapKey = tuple[str, str]
"""Own gateway's host name and cable name."""


@dataclass(frozen=True, slots=True)
class View:
    """What one of the own gateways is connected to."""

    hostname: str
    slot: int
    connections: tuple[Connection, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A cable that is down. ``port`` is the remote gateway's, on which this gateway is heard."""

    key: GapKey
    connection: Connection
    port: int

    def __str__(self) -> str:
        remote, address = self.connection.endpoint, self.connection.using_ip
        return (
            f"{self.key[0]} has no cable to {remote.hostname} of cluster {remote.cluster_id}: "
            f"UDP {address}:{self.port} does not answer; open or forward that port"
        )


def gaps(views: Collection[View], slotted: Collection[str]) -> tuple[Gap, ...]:
    """The cables that are down to clusters that some gateway of ours reaches.

    A cluster that nobody reaches is another matter, and shown as such. ``slotted`` are the drivers
    that reach a peer at its port plus the own slot.
    """
    reached = {
        one.endpoint.cluster_id
        for view in views
        for one in view.connections
        if one.status is ConnectionStatus.CONNECTED
    }
    return tuple(
        Gap(
            (view.hostname, one.endpoint.cable_name),
            one,
            udp_port(one.endpoint) + (view.slot if one.endpoint.backend in slotted else 0),
        )
        for view in views
        for one in view.connections
        if one.status in {ConnectionStatus.CONNECTING, ConnectionStatus.ERROR}
        and one.using_ip is not None
        and one.endpoint.cluster_id in reached
    )


def lasting_gaps(
    since: Mapping[GapKey, float], found: Iterable[Gap], now: float
) -> tuple[Mapping[GapKey, float], tuple[Gap, ...], float | None]:
    """Since when each is down, those down for long, when (boot clock) to look again."""
    by_key = {gap.key: gap for gap in found}
    kept = {key: since.get(key, now) for key in by_key}
    overdue = tuple(gap for key, gap in sorted(by_key.items()) if now >= kept[key] + PATIENCE)
    ends = (began + PATIENCE for began in kept.values() if now < began + PATIENCE)
    return kept, overdue, min(ends, default=None)
