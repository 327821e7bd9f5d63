"""The form of a scenario."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from submariner_lab.failover.stage import Stage


@dataclass(frozen=True, slots=True)
class Scenario:
    """A fault by name. ``act`` marks it, brings it about, and returns when its course is run."""

    name: str
    text: str
    act: Callable[[Stage], Awaitable[None]]
