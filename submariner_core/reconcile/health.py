"""The health of a data path, folded from probes: the verdict, and upstream's statistics.

Statistics are integer nanoseconds, as upstream computes them (compat.md section 6); the verdict
is faster: ``error`` after a few misses in a row, back on the first reply.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from submariner_core.api.model import ConnectionStatus, LatencyRTT
from submariner_core.api.naming import IPAddress

WINDOW = 1000
"""Samples after which mean and deviation start over from the last two."""
DOUBT = 6
"""Probes an interval from the first miss on: a dead path answers none, a lossy one some."""
SURELY_DOWN = 30
"""Misses in a row after which a path is down though the peer's packets still arrive."""
FALSE_ALARM = 1e-6
"""Accepted chance that a path's usual loss alone makes it look down, per probe."""
_MARGIN = 1.25
"""By how much a path may be worse than its usual loss tells."""
_LOSS = 1 / 32
"""Gain of the usual loss: a few seconds of probes."""
_SMOOTHING, _DEVIATION = 0.125, 0.25
"""Gains of the smoothed round-trip time and its variation (RFC 6298)."""

_WAITED = 4
"""A reply so many times as quick as usual: those before it had waited, as for a handshake."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Round-trip times since the start; ``mean``, ``deviations`` and ``count`` over the window."""

    last: int = 0
    least: int = 0
    most: int = 0
    count: int = 0
    total: int = 0
    mean: int = 0
    deviations: int = 0

    def latency(self) -> LatencyRTT:
        """As it goes on a Connection."""
        spread = math.isqrt(self.deviations // self.count) if self.count else 0
        return LatencyRTT(self.last, self.least, self.mean, self.most, spread)


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes of one target have shown. ``srtt`` and ``rttvar`` are in seconds.

    ``loss`` is the path's usual share of lost probes, outages left out.
    """

    status: ConnectionStatus = ConnectionStatus.CONNECTING
    misses: int = 0
    ever: bool = False
    srtt: float = 0.0
    rttvar: float = 0.0
    loss: float = 0.0
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def answered(self) -> bool:
        """Whether the path carries as far as its probes tell."""
        return self.status is ConnectionStatus.CONNECTED


def patience(health: Health, interval: float) -> float:
    """Seconds to wait for a reply before its probe counts as missed."""
    return max(interval, health.srtt + 4 * health.rttvar)


def enough(misses: int) -> int:
    """Misses in a row that fill ``misses`` intervals, the first of them with a single probe."""
    return 1 + (misses - 1) * DOUBT


def doubtful(health: Health, misses: int) -> bool:
    """Whether the path is to be probed ``DOUBT`` times an interval: missed, and not judged yet."""
    return health.status is not ConnectionStatus.ERROR and 0 < health.misses < enough(misses)


def needed(loss: float, misses: int) -> int:
    """Misses in a row that mean "down" on a path with this usual ``loss``.

    They fill ``misses`` intervals at least.
    """
    least = enough(misses)
    if loss <= 0.0:
        return least
    chance = math.ceil(math.log(FALSE_ALARM) / math.log(min(loss * _MARGIN, 0.99)))
    return max(least, min(SURELY_DOWN, chance))


def lost(health: Health, misses: int, *, receiving: bool = False) -> Health:
    """After a missed probe. ``receiving``: the peer's packets still arrive over this path.

    ``misses`` intervals without a reply mean "down" on a clean path; a lossy one takes more of
    them, so that it is not left, again and again, for what is usual there.
    """
    count = health.misses + 1
    down = count >= max(SURELY_DOWN, enough(misses))
    down = down or (count >= needed(health.loss, misses) and not receiving)
    status = ConnectionStatus.ERROR if down else health.status
    return replace(health, misses=count, status=status)


def replied(health: Health, rtt: int) -> Health:
    """After a reply that took ``rtt`` nanoseconds."""
    seconds = rtt / 1e9
    if health.ever and seconds * _WAITED > health.srtt:
        rttvar = health.rttvar + _DEVIATION * (abs(seconds - health.srtt) - health.rttvar)
        srtt = health.srtt + _SMOOTHING * (seconds - health.srtt)
    else:
        srtt, rttvar = seconds, seconds / 2
    return Health(
        status=ConnectionStatus.CONNECTED,
        misses=0,
        ever=True,
        srtt=srtt,
        rttvar=rttvar,
        loss=_usual_loss(health),
        statistics=record(health.statistics, rtt),
    )


def _usual_loss(health: Health) -> float:
    """The loss after a reply that ends a row of misses; what was an outage teaches nothing."""
    share = health.loss
    if health.ever and health.status is not ConnectionStatus.ERROR:
        for _ in range(health.misses):
            share += _LOSS * (1 - share)
    return share * (1 - _LOSS)


def record(statistics: Statistics, rtt: int) -> Statistics:
    """The statistics with one more round-trip time of ``rtt`` nanoseconds."""
    least = min(statistics.least, rtt) if statistics.count else rtt
    most = max(statistics.most, rtt)
    if statistics.count == 0:
        count, total, mean, deviations = 1, rtt, rtt, 0
    elif statistics.count >= WINDOW:
        count, total = 2, statistics.last + rtt
        mean = total // 2
        deviations = (statistics.last - mean) ** 2 + (rtt - mean) ** 2
    else:
        count, total = statistics.count + 1, statistics.total + rtt
        mean = total // count
        deviations = statistics.deviations + (rtt - statistics.mean) * (rtt - mean)
    return Statistics(
        last=rtt,
        least=least,
        most=most,
        count=count,
        total=total,
        mean=mean,
        deviations=deviations,
    )


def merge(
    status: ConnectionStatus, message: str, health: Health | None, target: IPAddress | None
) -> tuple[ConnectionStatus, str, LatencyRTT | None]:
    """A connection's status, message and latency, from its driver's word and its probes.

    ``connecting`` is the driver's to leave. A connected cable shows ``connecting`` until its first
    probe is answered: "connected" means that packets pass.
    """
    if health is None:
        return status, message, None
    latency = health.statistics.latency() if health.ever else None
    if status is ConnectionStatus.CONNECTING:
        return status, message, latency
    if health.answered:
        return (
            ConnectionStatus.CONNECTED,
            "" if status is not status.CONNECTED else message,
            latency,
        )
    if health.status is ConnectionStatus.ERROR:
        if status is ConnectionStatus.CONNECTED:
            message = f'no reply to {health.misses} probes of "{target}"'
        return ConnectionStatus.ERROR, message, latency
    if status is ConnectionStatus.CONNECTED and not health.ever:
        return ConnectionStatus.CONNECTING, "waiting for the first probe to be answered", latency
    return status, message, latency
