"""The table as the documentation has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from submariner_lab.failover.summary import Document, grouped, measured, values
from submariner_lab.failover.table import connections, spread, unmeasured

NONE = "–"
COLUMNS = (
    "fault", "lost forward", "lost backward", "outage forward ms", "outage backward ms",
    "stall ms", "ClusterIP ms", "new leader s",
)  # fmt: skip


def markdown(runs: Iterable[Document]) -> str:
    """A table for each driver; several runs of a scenario are least / median / most."""
    by_driver: dict[str, list[str]] = {}
    for (driver, scenario), group in grouped(runs).items():
        cells = " | ".join((scenario, *_cells(group)))
        by_driver.setdefault(driver, []).append(f"| {cells} |")
    tables = []
    for driver, lines in by_driver.items():
        title = [f"### {driver}", ""] if len(by_driver) > 1 else []
        head = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
        tables.append("\n".join((*title, *head, *lines)))
    return "\n\n".join(tables)


def _cells(group: Sequence[Document]) -> tuple[str, ...]:
    found = measured(group)
    if not found:
        return (unmeasured(group), *("",) * (len(COLUMNS) - 2))
    cells = (
        spread(values(found, "lost_forward")),
        spread(values(found, "lost_backward")),
        spread(values(found, "outage_forward_ms")),
        spread(values(found, "outage_backward_ms")),
        connections([run["tcp"] for run in found]),
        connections([run["cluster_ip"] for run in found]),
        spread(values(found, "new_leader_s"), digits=1),
    )
    return tuple(NONE if cell == "-" else cell for cell in cells)
