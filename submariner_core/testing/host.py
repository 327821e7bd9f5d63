"""A node in memory: what outlives a gateway process, and where that process dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from submariner_core.api.cable import Cable, LocalGateway
from submariner_core.api.model import ConnectionStatus
from submariner_core.api.route import NodePlan


class Crash(BaseException):
    """The process dies here. No ``except Exception`` can catch it, as none can catch a kill."""


@dataclass(frozen=True, slots=True)
class HeldCable:
    """A cable as the host holds it, with the status and counters that a test gave it."""

    cable: Cable
    status: ConnectionStatus = ConnectionStatus.CONNECTED
    message: str = ""
    rx_bytes: int = 0
    tx_bytes: int = 0


class MemoryHost:
    """State that drivers leave on a node; hand one host to the drivers of each new "process".

    ``actions`` names every change that was made, in order. ``crash_after(n)`` lets the process
    die right after the n-th change from now: the change itself is made, its answer is lost.
    """

    def __init__(self) -> None:
        self.opened: dict[str, LocalGateway] = {}
        self.cables: dict[str, dict[str, HeldCable]] = {}
        self.unknown: dict[str, list[str]] = {}
        self.node_plan: NodePlan | None = None
        self.actions: list[str] = []
        self.changed = asyncio.Event()
        self._left: int | None = None

    def crash_after(self, actions: int | None) -> None:
        """Die after that many more changes (1 or more); ``None``: live on."""
        self._left = actions

    def act(self, action: str) -> None:
        """Note a change just made; raises :class:`Crash` when it was the last to be lived."""
        self.actions.append(action)
        self.changed.set()
        self.changed = asyncio.Event()
        if self._left is None:
            return
        self._left -= 1
        if self._left <= 0:
            self._left = None
            raise Crash(f"after {action}")

    def held(self, driver: str) -> dict[str, HeldCable]:
        """The cables of one driver by name, to read and to write."""
        return self.cables.setdefault(driver, {})

    def leave_unknown(self, driver: str, keys: Iterable[str]) -> None:
        """Entries on a driver's device that have no name of ours."""
        self.unknown[driver] = list(keys)
