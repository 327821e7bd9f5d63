"""The table as the documentation has it."""

from __future__ import annotations

from collections.abc import Iterable

from submariner_lab.failover.columns import COLUMNS, NONE, cells
from submariner_lab.failover.summary import Document, grouped

DASH = "–"
"""A cell without a figure, in print."""
SHOWN = tuple(column for column in COLUMNS if column.title)


def markdown(runs: Iterable[Document]) -> str:
    """A table for each driver; several runs of a scenario are least / median / most."""
    by_driver: dict[str, list[str]] = {}
    for (driver, scenario), group in grouped(runs).items():
        told = (DASH if cell == NONE else cell for cell in cells(SHOWN, group))
        by_driver.setdefault(driver, []).append(_row(scenario, *told))
    titles = ("fault", *(column.title for column in SHOWN))
    tables = []
    for driver, lines in by_driver.items():
        name = [f"### {driver}", ""] if len(by_driver) > 1 else []
        head = [_row(*titles), f"|{'---|' * len(titles)}"]
        tables.append("\n".join((*name, *head, *lines)))
    return "\n\n".join(tables)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
