"""How fast paths may be probed: within a budget of CPU time, beyond which intervals widen."""

from __future__ import annotations

import math
from dataclasses import dataclass

NOTICED = 1.25
"""From this widening on people are told: less is the noise of measuring."""
CALM = 0.4
"""Share of what people were told below which it is taken back."""


@dataclass(frozen=True, slots=True)
class Pace:
    """By how much intervals are longer than asked for (``widening``, 1.0 or more).

    ``told`` is what people are told: the next power of two, which rests while ``widening`` wavers.
    """

    widening: float = 1.0
    told: float = 1.0


def keep_pace(pace: Pace, share: float, budget: float) -> Pace:
    """The pace after some seconds of probing took this share of a core. It never stops probing."""
    widening = max(1.0, pace.widening * share / budget)
    told = pace.told
    more = widening > max(told, NOTICED)
    if more or (told > 1.0 and widening <= max(1.0, told * CALM)):
        told = 2.0 ** math.ceil(math.log2(widening))
    return Pace(widening, told)


def detection(interval: float, misses: int, pace: Pace) -> float:
    """Seconds until a path that is probed at this interval counts as down, at most."""
    return (misses + 1) * interval * pace.told


def budget_note(pace: Pace, budget: float, seconds: float | None) -> str:
    """What to say of widened intervals; empty while there is nothing to say."""
    if pace.told <= 1.0 or seconds is None:
        return ""
    return (
        f"probing keeps to {budget:.0%} of a core: intervals are up to {pace.told:g} times as"
        f" long, and a path that is down is noticed after {seconds:g} s"
    )
