"""The figures of a scenario's runs, as both tables have them: a column each."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from submariner_lab.failover.connection import Outcome
from submariner_lab.failover.summary import Document, measured, values

NONE = "-"
"""A cell without a figure."""


@dataclass(frozen=True, slots=True)
class Column:
    """``heading`` is for the terminal, ``title`` for the documentation, empty: not there.

    ``cell`` tells the figures of runs, of which there is one or more.
    """

    heading: str
    title: str
    cell: Callable[[Sequence[Document]], str]


def cells(columns: Sequence[Column], runs: Sequence[Document]) -> tuple[str, ...]:
    """The figures of the runs of one scenario, or why there are none."""
    found = measured(runs)
    if not found:
        return (_unmeasured(runs), *("",) * (len(columns) - 1))
    return tuple(column.cell(found) for column in columns)


def connections(found: Sequence[Mapping[str, Any]]) -> str:
    """How long they stalled; those that did not live on by name."""
    alive = [one["stall_ms"] for one in found if one["outcome"] == Outcome.ALIVE]
    ended = [one["outcome"] for one in found if one["outcome"] != Outcome.ALIVE]
    parts = [spread(alive)] if alive else []
    for outcome in sorted(set(ended)):
        count = ended.count(outcome)
        parts.append(outcome if count == len(found) else f"{count} of {len(found)} {outcome}")
    return ", ".join(parts)


def spread(found: Sequence[float], digits: int = 0) -> str:
    """One value as it is, several as least / median / most, a dash for none."""
    if not found:
        return NONE
    if len(found) == 1:
        return f"{found[0]:,.{digits}f}"
    chosen = (min(found), statistics.median(found), max(found))
    return " / ".join(f"{value:,.{digits}f}" for value in chosen)


def _unmeasured(runs: Iterable[Document]) -> str:
    """Why a scenario has no figures, in two words."""
    return "not possible" if any("impossible" in run for run in runs) else "failed"


def _figure(name: str, digits: int = 0) -> Callable[[Sequence[Document]], str]:
    return lambda runs: spread(values(runs, name), digits)


def _connection(name: str) -> Callable[[Sequence[Document]], str]:
    return lambda runs: connections([run[name] for run in runs])


COLUMNS = (
    Column("lost ->", "lost forward", _figure("lost_forward")),
    Column("lost <-", "lost backward", _figure("lost_backward")),
    Column("outage -> ms", "outage forward ms", _figure("outage_forward_ms")),
    Column("outage <- ms", "outage backward ms", _figure("outage_backward_ms")),
    Column("TCP stall ms", "stall ms", _connection("tcp")),
    Column("ClusterIP", "ClusterIP ms", _connection("cluster_ip")),
    Column("moved ms", "", _figure("first_move_ms")),
    Column("new leader s", "new leader s", _figure("new_leader_s", digits=1)),
)
