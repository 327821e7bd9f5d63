"""Which clock decides."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import submariner_core

ROOT = Path(submariner_core.__file__).parent
ROOMS = ("engine", "routeagent", "daemon", "reconcile", "observe", "kernel")
FOR_PEOPLE = {
    "engine/diary.py": "when a transition happened, and since when a connection stands",
    "engine/engine.py": "upstream's update-timestamp, which nobody of ours reads",
    "routeagent/agent.py": "when a transition happened",
    "observe/icmp.py": "the kernel stamps packets in it: turned into the boot clock at once",
}
WALL = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "time.CLOCK_REALTIME"}


def wall_clocks(source: Path) -> set[str]:
    """The names of wall clocks that a file reads."""
    tree = ast.parse(source.read_text())
    dotted = (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return WALL.intersection(dotted)


@pytest.mark.parametrize("room", ROOMS)
def test_no_decision_reads_a_wall_clock(room: str) -> None:
    """Never again 13: any decision that compares two machines' wall clocks."""
    readers = {
        str(source.relative_to(ROOT)): found
        for source in (ROOT / room).rglob("*.py")
        if (found := wall_clocks(source)) and str(source.relative_to(ROOT)) not in FOR_PEOPLE
    }
    assert readers == {}


def test_the_exceptions_are_still_there_to_be_excused() -> None:
    assert [name for name in FOR_PEOPLE if not wall_clocks(ROOT / name)] == []
