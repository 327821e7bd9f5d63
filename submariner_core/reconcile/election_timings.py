"""The times of a campaign, and how they widen while the store is slow."""

from __future__ import annotations

import math
from dataclasses import dataclass

LONGEST = 5 * 86_400.0
"""Seconds: a day, the longest duration that settings take, at its widest."""


@dataclass(frozen=True, slots=True)
class Timings:
    """All in seconds. ``retry_period`` < ``renew_deadline`` < ``duration``, or nothing is safe.

    ``hand_over`` is how long a named successor has to take the lease. The store's slowness is a
    small number, ``stretch``, from 1 to ``widest``: it multiplies the duration and the deadline
    that a holder records, and the time a request may take. ``calm`` is how many fast answers in a
    row take one step back.
    """

    duration: float = 3.0
    renew_deadline: float = 2.0
    retry_period: float = 0.5
    hand_over: float = 5.0
    widest: int = 5
    calm: int = 4

    def __post_init__(self) -> None:
        if not 0 < self.retry_period < self.renew_deadline < self.duration < math.inf:
            raise ValueError(
                "lease timings must rise from retry_period over renew_deadline to duration, all"
                f" above 0; found {self.retry_period:g}, {self.renew_deadline:g},"
                f" {self.duration:g}"
            )
        if self.widest < 1 or self.calm < 1 or self.hand_over <= 0:
            raise ValueError("widest and calm must be at least 1, hand_over above 0")

    def deadline(self, duration: float) -> float:
        """How long after the start of a renewal the holder of such a lease may write."""
        return duration * self.renew_deadline / self.duration

    def recorded(self, duration: float) -> float:
        """A recorded duration to go by: one that makes no sense counts as our own."""
        return duration if 0 < duration <= LONGEST else self.duration

    def timeout(self, stretch: int) -> float:
        """How long one request to the store may take."""
        return self.retry_period * stretch

    def stretch_for(self, took: float) -> int:
        """The stretch that leaves an answer as slow as this one half of its time-out."""
        return min(self.widest, 1 + int(2 * took / self.retry_period))
