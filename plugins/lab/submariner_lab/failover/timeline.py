"""Arrivals counted over time. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BIN = 0.01
"""Seconds in which packets are counted together."""


@dataclass(frozen=True, slots=True)
class Column:
    """Neighbouring bins that are drawn as one: from ``begin`` to ``end`` (s after the fault).

    ``least`` and ``most`` are the packets of the emptiest and of the fullest bin in it.
    """

    begin: float
    end: float
    least: int
    most: int


def bins(arrivals: Iterable[int], fault: int, start: float, end: float) -> list[int]:
    """Packets in each bin between two times in s after the fault; ``fault`` and arrivals in ns."""
    counts = [0] * max(0, math.ceil((end - start) / BIN - 1e-9))
    first, size = fault + round(start * 1e9), round(BIN * 1e9)
    for arrival in arrivals:
        number = (arrival - first) // size
        if 0 <= number < len(counts):
            counts[number] += 1
    return counts


def columns(
    arrivals: Iterable[int], fault: int, start: float, end: float, most: int
) -> list[Column]:
    """The bins, as many together as it takes to have ``most`` columns at the most.

    A single empty bin shows in ``least`` however many stand together.
    """
    counts = bins(arrivals, fault, start, end)
    step = max(1, math.ceil(len(counts) / most))
    found = []
    for first in range(0, len(counts), step):
        group = counts[first : first + step]
        begin = start + first * BIN
        found.append(Column(begin, begin + len(group) * BIN, min(group), max(group)))
    return found


def ticks(start: float, end: float, most: int = 12) -> Iterator[float]:
    """Round times between two, ``most`` at the most, 0 among them if it is between them."""
    steps = (size * 10**power for power in range(-2, 5) for size in (1, 2, 5))
    step = next(step for step in steps if (end - start) / step <= most)
    for number in range(math.ceil(start / step - 1e-9), math.floor(end / step + 1e-9) + 1):
        yield round(number * step, 6)
