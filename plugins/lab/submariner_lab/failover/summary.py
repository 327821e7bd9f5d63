"""Runs as they are in JSON, taken together: least, median and most of each figure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
"""One run, as :meth:`Run.document` gives it."""

FIGURES = (
    "lost_forward", "lost_backward", "outage_forward_ms", "outage_backward_ms", "tcp_stall_ms",
    "first_move_ms", "new_leader_s", "moves", "role_changes",
)  # fmt: skip
CONNECTIONS = ("tcp", "cluster_ip")
DIGITS = 3


def whole(runs: Sequence[Document]) -> dict[str, object]:
    """What JSON says of all runs."""
    return {"runs": list(runs), "summary": summary(runs)}


def grouped(runs: Iterable[Document]) -> Mapping[tuple[str, str], Sequence[Document]]:
    """The runs of each driver and scenario, in order of their first appearance."""
    found: dict[tuple[str, str], list[Document]] = {}
    for run in runs:
        found.setdefault((run["driver"], run["scenario"]), []).append(run)
    return found


def measured(runs: Iterable[Document]) -> list[Document]:
    """Those that have figures."""
    return [run for run in runs if "lost_forward" in run]


def values(runs: Iterable[Document], name: str) -> list[float]:
    """A figure of all runs that have it. One that an earlier release did not know is left out."""
    return [run[name] for run in runs if run.get(name) is not None]


def summary(runs: Iterable[Document]) -> list[dict[str, object]]:
    """An entry for each driver and scenario; ``runs`` counts those that have figures."""
    return [
        {"driver": driver, "scenario": scenario, **_together(group)}
        for (driver, scenario), group in grouped(runs).items()
    ]


def _together(group: Sequence[Document]) -> dict[str, object]:
    found = measured(group)
    together: dict[str, object] = {
        "runs": len(found),
        "failed": sum("failure" in run for run in group),
        "recovered": sum(bool(run["recovered"]) for run in found),
    }
    for name in FIGURES:
        together[name] = _spread(values(found, name))
    for name in CONNECTIONS:
        alive = [run[name]["stall_ms"] for run in found if run[name]["outcome"] == "alive"]
        outcomes = Counter(run[name]["outcome"] for run in found)
        together[name] = {"outcomes": dict(outcomes), "stall_ms": _spread(alive)}
    return together


def _spread(found: Sequence[float]) -> dict[str, float] | None:
    if not found:
        return None
    middle = round(statistics.median(found), DIGITS)
    return {"min": min(found), "p50": middle, "max": max(found)}
