"""What a sender had seen when a path moved, in the few words that a transition has room for."""

from __future__ import annotations

from dataclasses import dataclass

from submariner_core.api.durations import format_duration


@dataclass(frozen=True, slots=True)
class Seen:
    """What the probes of one path have shown lately. Times are in seconds of the boot clock.

    ``missed_since`` is when the first of the ``misses`` in a row was sent; ``answered`` when the
    last reply was received, ``None`` without any.
    """

    misses: int = 0
    missed_since: float = 0.0
    answered: float | None = None


def evidence(left: Seen | None, taken: Seen | None, now: float) -> str:
    """The facts for a move from one path to another; empty where neither is probed."""
    parts = [_tell("before", left, now), _tell("after", taken, now)]
    return "; ".join(part for part in parts if part)


def _tell(which: str, seen: Seen | None, now: float) -> str:
    if seen is None:
        return ""
    if seen.misses:
        return f"{which}: {seen.misses} misses in {_ago(seen.missed_since, now)}"
    if seen.answered is None:
        return f"{which}: no answer yet"
    return f"{which}: answered {_ago(seen.answered, now)} ago"


def _ago(at: float, now: float) -> str:
    return format_duration(round(max(0.0, now - at) * 1000) * 1_000_000)
