"""Judging a flow: what was lost, and for how long. Pure.

An outage is measured on the *sender's* clock: from the first lost datagram's sending to the
sending of the next one that arrived. A receiver that was late to wake up does not lengthen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outage:
    """Datagrams lost in a row: how many, when the first was sent (ns), and how long (s)."""

    start: int
    lost: int
    duration: float


@dataclass(frozen=True, slots=True)
class Losses:
    """One direction of a flow, from its first arrival on.

    ``late`` arrived after a later one, ``duplicates`` more than once; neither is lost.
    """

    sent: int
    received: int
    lost: int
    late: int
    duplicates: int
    outages: tuple[Outage, ...]

    @property
    def outage(self) -> float:
        """The longest outage in seconds; 0 without any."""
        return max((outage.duration for outage in self.outages), default=0.0)


def judge(sent: Sequence[int], received: Sequence[int]) -> Losses:
    """The losses of one direction.

    ``sent`` holds the time of sending (ns) of each sequence number; ``received`` the sequence
    numbers in order of arrival. What was sent before the first arrival was sent before the flow
    stood, and is not counted; what was sent after the last arrival is.
    """
    if not received:
        whole = Outage(sent[0], len(sent), (sent[-1] - sent[0]) / 1e9) if sent else None
        return Losses(len(sent), 0, len(sent), 0, 0, (whole,) if whole else ())
    seen = bytearray(len(sent))  # an hour's worth of numbers: no set of objects
    late = duplicates = 0
    highest = received[0]
    for number in received:
        if seen[number]:
            duplicates += 1
            continue
        seen[number] = 1
        if number < highest:
            late += 1
        highest = max(highest, number)
    first = min(received)
    arrived = sum(seen)
    outages = []
    start: int | None = None
    for number in range(first, len(sent)):
        if not seen[number]:
            start = number if start is None else start
        elif start is not None:
            outages.append(_outage(sent, start, number))
            start = None
    if start is not None:
        outages.append(_outage(sent, start, len(sent)))
    total = len(sent) - first
    return Losses(total, arrived, total - arrived, late, duplicates, tuple(outages))


def _outage(sent: Sequence[int], first: int, after: int) -> Outage:
    end = sent[min(after, len(sent) - 1)]
    return Outage(sent[first], after - first, (end - sent[first]) / 1e9)
