"""Figures as a run would give them."""

from __future__ import annotations

import array
from dataclasses import replace

from submariner_lab.failover.connection import Connection, Outcome
from submariner_lab.failover.figures import Direction, Event, Figures, Run
from submariner_lab.failover.noticed import Notice
from submariner_lab.flow import Course
from submariner_lab.losses import judge

MS = 1_000_000
FAULT = 500 * MS


def direction(first: int = 600, after: int = 900, total: int = 2000) -> Direction:
    """A flow of a datagram a millisecond, of which ``first`` to ``after`` were lost."""
    sent = array.array("Q", [number * MS for number in range(total)])
    numbers = [number for number in range(total) if not first <= number < after]
    arrivals = array.array("Q", [(number + 1) * MS for number in numbers])
    course = Course(sent, array.array("Q", numbers), arrivals)
    return Direction.after(judge(sent, numbers), course, FAULT)


def notice(at: float, who: str, subject: str, before: str, after: str, cause: str) -> Notice:
    return Notice(at, who, who.rpartition(" ")[2], subject, before, after, 2, cause)


MOVED = replace(
    notice(0.31, "gateway west-1", "path to east", "east-1", "east-2", "east-1 does not answer"),
    evidence="before: 13 misses in 310ms",
)
LED = notice(2.9, "gateway east-2", "leadership", "passive", "active", "the lease expired")
FIGURES = Figures(
    fault=FAULT,
    active="east-1",
    lease=3.0,
    forward=direction(),
    backward=direction(700, 750),
    pod=Connection(Outcome.ALIVE, 0.42, 2000 * MS),
    service=Connection(Outcome.RESET, 0.3, 900 * MS, "Connection reset by peer"),
    lead=LED,
    noticed=(MOVED, LED),
    events=(Event(0.0, "power off east-1"), Event(1.0, "power on <east-1>")),
    facts={"failed": [f"connection {number}" for number in range(5)]},
)


def run(scenario: str = "power-off", number: int = 1, **changes: object) -> Run:
    return Run("vxlan", scenario, number, replace(FIGURES, **changes))
