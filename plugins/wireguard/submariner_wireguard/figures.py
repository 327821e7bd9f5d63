"""What the driver tells to metrics, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """One cable. ``handshake_age`` is in seconds, ``None`` before the first handshake."""

    cluster_id: str
    hostname: str
    device: str
    handshake_age: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All of a driver's.

    ``deaths`` counts daemons that died, by device; ``gap`` is the longest time in seconds until
    one was replaced and had made its first handshake.
    """

    implementation: str = ""
    peers: tuple[PeerFigures, ...] = ()
    deaths: Mapping[str, int] = field(default_factory=dict)
    gap: float = 0.0

    def revived(self, device: str, gap: float) -> Figures:
        """With one more death, made good after ``gap`` seconds."""
        deaths = {**self.deaths, device: self.deaths.get(device, 0) + 1}
        return replace(self, deaths=deaths, gap=max(self.gap, gap))

    def handshaken(self, gap: float) -> Figures:
        """With a replaced daemon's first handshake, ``gap`` seconds after the death."""
        return replace(self, gap=max(self.gap, gap))
