"""The runs as a table for people, and below it who noticed what, and when."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from submariner_lab.failover.connection import Connection, Outcome
from submariner_lab.failover.figures import Figures, Run
from submariner_lab.failover.lease import LEASE
from submariner_lab.failover.noticed import Notice, first_move

LEGEND = (
    "-> is from the cluster that is hit to the other, <- the way back; 1,000 packets a second"
    " each. An outage is the longest time without a packet that arrived. ClusterIP: a TCP"
    " connection from the other cluster to a service of the one that is hit. With several runs:"
    " least / median / most."
)
COLUMNS = (
    "lost ->", "lost <-", "outage -> ms", "outage <- ms", "TCP stall ms", "ClusterIP", "moved ms",
    "new leader s",
)  # fmt: skip


SHOWN = 3
"""Items of a long fact that people get to see; JSON has all."""


def report(runs: Sequence[Run]) -> RenderableType:
    """All of it."""
    parts: list[RenderableType] = [table(runs), Text(LEGEND), Text()]
    for run in runs:
        parts += [Text(line) for line in story(run)]
    return Group(*parts)


def table(runs: Sequence[Run]) -> Table:
    """A line for each driver and scenario."""
    board = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("driver", "scenario"):
        board.add_column(heading, no_wrap=True)
    for heading in COLUMNS:
        board.add_column(heading, justify="right")
    for (driver, scenario), group in itertools.groupby(runs, lambda r: (r.driver, r.scenario)):
        board.add_row(driver, scenario, *cells(tuple(group)))
    return board


def cells(runs: Sequence[Run]) -> tuple[str, ...]:
    """The figures of the runs of one scenario, or why there are none."""
    figures = [run.figures for run in runs if run.figures is not None]
    if not figures:
        impossible = next((run.impossible for run in runs if run.impossible), "")
        return ("not possible" if impossible else "failed", *("",) * (len(COLUMNS) - 1))
    moves = [first_move(one.noticed) for one in figures]
    return (
        spread([one.forward.lost for one in figures]),
        spread([one.backward.lost for one in figures]),
        spread([one.forward.outage * 1000 for one in figures]),
        spread([one.backward.outage * 1000 for one in figures]),
        connections([one.pod for one in figures]),
        connections([one.service for one in figures]),
        spread([move.at * 1000 for move in moves if move is not None]),
        spread([one.lead.at for one in figures if one.lead is not None], digits=1),
    )


def connections(found: Sequence[Connection]) -> str:
    """How long they stalled; those that did not live on by name."""
    alive = [one.stall * 1000 for one in found if one.outcome is Outcome.ALIVE]
    ended = [one.outcome.value for one in found if one.outcome is not Outcome.ALIVE]
    parts = [spread(alive)] if alive else []
    for outcome in sorted(set(ended)):
        count = ended.count(outcome)
        parts.append(outcome if count == len(found) else f"{count} of {len(found)} {outcome}")
    return ", ".join(parts)


def spread(values: Sequence[float], digits: int = 0) -> str:
    """One value as it is, several as least / median / most, a dash for none."""
    if not values:
        return "-"
    ordered = sorted(values)
    if len(ordered) == 1:
        return f"{ordered[0]:,.{digits}f}"
    chosen = (ordered[0], ordered[len(ordered) // 2], ordered[-1])
    return " / ".join(f"{value:,.{digits}f}" for value in chosen)


def story(run: Run) -> Iterable[str]:
    """What happened in one run, line by line."""
    yield f"{run.driver} {run.scenario}, run {run.number}"
    if run.impossible:
        yield f"    not possible with this release: {run.impossible}"
    elif run.figures is None:
        yield f"    failed: {run.failure}"
    else:
        yield from _course(run.figures)


def _course(figures: Figures) -> Iterable[str]:
    lines = [(event.at, f"* {event.what}") for event in figures.events]
    lines += [(notice.at, _change(notice)) for notice in figures.noticed]
    for at, text in sorted(lines):
        yield f"  {at * 1000:>+10,.0f} ms  {text}"
    for name, value in figures.facts.items():
        yield f"{'':17}{name}: {_fact(value)}"
    if figures.service.outcome is not Outcome.ALIVE:
        yield f"{'':17}ClusterIP connection: {figures.service.error or 'no echo to the end'}"
    if figures.lease > LEASE:
        yield f"{'':17}the lease was widened to {figures.lease:g} s: a slow machine"
    if not figures.recovered:
        yield f"{'':17}traffic did not flow again"
    before = figures.forward.before + figures.backward.before
    if before:
        yield f"{'':17}{before} packets were lost before the fault: a noisy machine"
    for name in figures.crashes:
        yield f"{'':17}a traceback in the log of {name}"


def _fact(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        rest = len(value) - SHOWN
        shown = "; ".join(str(one) for one in value[:SHOWN])
        return shown + (f"; and {rest} more" if rest > 0 else "")
    return str(value)


def _change(notice: Notice) -> str:
    before, after = notice.before or "none", notice.after or "none"
    return f"{notice.who}: {notice.subject}: {before} -> {after} ({notice.cause})"
