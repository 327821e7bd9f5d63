"""The runs as a table for people, and below it who noticed what, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from submariner_lab.failover.columns import COLUMNS, cells
from submariner_lab.failover.connection import Outcome
from submariner_lab.failover.lease import LEASE
from submariner_lab.failover.summary import Document, grouped

LEGEND = (
    "-> is from the cluster that is hit to the other, <- the way back; 1,000 packets a second"
    " each. An outage is the longest time without a packet that arrived. ClusterIP: a TCP"
    " connection from the other cluster to a service of the one that is hit. With several runs:"
    " least / median / most."
)
SHOWN = 3
"""Items of a long fact that people get to see; JSON has all."""


def report(runs: Sequence[Document]) -> RenderableType:
    """All of it."""
    parts: list[RenderableType] = [table(runs), Text(LEGEND), Text()]
    for run in runs:
        parts += [Text(line) for line in story(run)]
    return Group(*parts)


def table(runs: Sequence[Document]) -> Table:
    """A line for each driver and scenario."""
    board = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("driver", "scenario"):
        board.add_column(heading, no_wrap=True)
    for column in COLUMNS:
        board.add_column(column.heading, justify="right")
    for (driver, scenario), group in grouped(runs).items():
        board.add_row(driver, scenario, *cells(COLUMNS, group))
    return board


def story(run: Document) -> Iterable[str]:
    """What happened in one run, line by line."""
    yield f"{run['driver']} {run['scenario']}, run {run['run']}"
    if "impossible" in run:
        yield f"    not possible with this release: {run['impossible']}"
    elif "failure" in run:
        yield f"    failed: {run['failure']}"
    else:
        yield from _course(run)


def _course(run: Document) -> Iterable[str]:
    lines = [(event["at_ms"], f"* {event['what']}") for event in run["events"]]
    lines += [(notice["at_ms"], _change(notice)) for notice in run["noticed"]]
    for at, text in sorted(lines):
        yield f"  {at:>+10,.0f} ms  {text}"
    if "moves" in run:
        yield f"{'':17}{run['moves']} moves, {run['role_changes']} changes of role"
    for name, value in run["facts"].items():
        yield f"{'':17}{name}: {_fact(value)}"
    if run["cluster_ip"]["outcome"] != Outcome.ALIVE:
        yield f"{'':17}ClusterIP connection: {run['cluster_ip']['error'] or 'no echo to the end'}"
    if run["lease_s"] > LEASE:
        yield f"{'':17}the lease was widened to {run['lease_s']:g} s: a slow machine"
    if not run["recovered"]:
        yield f"{'':17}traffic did not flow again"
    before = run["lost_before_fault"]
    if before:
        yield f"{'':17}{before} packets were lost before the fault: a noisy machine"
    for name in run["crashed"]:
        yield f"{'':17}a traceback in the log of {name}"


def _fact(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        rest = len(value) - SHOWN
        shown = "; ".join(str(one) for one in value[:SHOWN])
        return shown + (f"; and {rest} more" if rest > 0 else "")
    return str(value)


def _change(notice: Mapping[str, Any]) -> str:
    before, after = notice["before"] or "none", notice["after"] or "none"
    why = "; ".join(filter(None, (notice["cause"], notice.get("evidence"))))
    return f"{notice['who']}: {notice['subject']}: {before} -> {after} ({why})"
