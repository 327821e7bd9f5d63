"""What became of a TCP connection that was open during a fault."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from submariner_lab.tcp import StreamReport

SILENT = 1.0
"""Seconds without an echo at the end of a run that make a connection ``silent``."""


class Outcome(enum.StrEnum):
    """``silent``: nothing ended it, and nothing comes back either."""

    ALIVE = "alive"
    RESET = "reset"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Connection:
    """The end of the story. ``stall`` is the longest silence in seconds.

    ``ended`` is when it stopped, in ns of the monotonic clock; ``error`` says what ended it, and
    is empty where nothing did.
    """

    outcome: Outcome
    stall: float
    ended: int
    error: str = ""


def judge(report: StreamReport) -> Connection:
    """What a stream's report means."""
    if report.error is not None:
        return Connection(Outcome.RESET, report.stall, report.ended, report.error)
    outcome = Outcome.SILENT if report.silence > SILENT else Outcome.ALIVE
    return Connection(outcome, report.stall, report.ended)
