"""The values of the exhaustive search: worlds, moves between them, what a history may contain.

Worlds are tuples of small numbers: every process and record is kept once, in a table.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

Value = TypeVar("Value", bound=Hashable)


class ViolationError(AssertionError):
    """Something happened that must never happen."""


class Budget(NamedTuple):
    """How often each thing may still happen in one history.

    ``rumours``: a store shows a higher epoch. ``unready``: readiness changes. ``refusals``: the
    store is away and says so at once. ``echoes``: a watch shows a record long replaced.
    """

    crashes: int = 0
    restarts: int = 0
    hand_overs: int = 0
    withdrawals: int = 0
    rumours: int = 0
    unready: int = 0
    refusals: int = 0
    echoes: int = 0


class World(NamedTuple):
    """Numbers of processes and of the stored record.

    ``late``: numbers of the records that given-up swaps would store if they were carried out now.
    """

    processes: tuple[int, ...]
    record: int
    late: tuple[int, ...]
    budget: Budget


class Move(NamedTuple):
    """What can happen to one process without a write; ``orphan``: the swap it gives up."""

    label: str
    after: int
    cost: str = ""
    orphan: int | None = None


class Report(NamedTuple):
    """``slowest``: the most ticks it took from any world until somebody led, faults ceasing."""

    worlds: int
    moves: int
    slowest: int


class Table(Generic[Value]):
    """Small numbers for values, each value kept once."""

    def __init__(self) -> None:
        self._numbers: dict[Value, int] = {}
        self._values: list[Value] = []

    def number(self, value: Value) -> int:
        """The number of this value."""
        number = self._numbers.setdefault(value, len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number

    def __getitem__(self, number: int) -> Value:
        return self._values[number]
