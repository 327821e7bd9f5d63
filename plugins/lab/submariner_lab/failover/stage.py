"""A lab with its parts cast: the cluster that is hit, the one that looks on, who leads."""

from __future__ import annotations

import time
from dataclasses import dataclass

from submariner_lab.errors import LabError, LabTimeout
from submariner_lab.flow import Flow
from submariner_lab.lab import Lab
from submariner_lab.node import Node

TAKE_OVER = 15.0
"""Seconds for which a new leader is waited for."""

SETTLE = 30.0
"""Seconds that a lab has to settle after a fault is over."""


class Impossible(LabError):
    """This release cannot be put through this fault; the message says why."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done to the lab, at a time of the monotonic clock in ns."""

    at: int
    what: str


class Stage:
    """What a scenario plays on. ``quick`` asks it to be short.

    Forward is from ``here`` (the cluster that is hit) to ``there``; ``flow`` runs between them.
    ``duration`` is how long nothing happens, in seconds, where that is the scenario.
    ``facts`` are what a scenario wants told beside the figures.
    """

    def __init__(
        self, lab: Lab, flow: Flow, *, quick: bool = False, duration: float = 0.0
    ) -> None:
        self.lab = lab
        self.flow = flow
        self.quick = quick
        self.duration = duration
        self.here, self.there = lab.clusters[:2]
        self.active = self.here.leader
        others = [node for node in self.here.candidates if node is not self.active]
        if not others:
            raise LabError("a failover needs two gateway candidates in a cluster")
        self.standby = others[0]
        self.remote = self.there.leader
        self.epoch = self.here.epoch
        self.wall_offset = time.time_ns() - time.monotonic_ns()
        self.marks: list[Mark] = []
        self.facts: dict[str, object] = {}

    def mark(self, what: str) -> None:
        """Say what is about to be done; the first mark is the fault."""
        self.marks.append(Mark(time.monotonic_ns(), what))

    @property
    def fault(self) -> Mark:
        """The first mark. Raises :class:`LabError` when nothing was done."""
        if not self.marks:
            raise LabError("the scenario did nothing to the lab")
        return self.marks[0]

    async def until_led(self, limit: float = TAKE_OVER) -> bool:
        """Until another gateway leads; false if none does in time, which is a figure as well."""
        try:
            await self.lab.until(lambda: self.here.epoch > self.epoch, limit, "a new leader")
        except LabTimeout:
            return False
        return True

    async def until_flowing(self, limit: float) -> bool:
        """Until packets arrive at both ends; false if they do not in time."""
        try:
            await self.flow.flowing(100, limit)
        except LabTimeout:
            return False
        return True

    async def until_ready(self, node: Node, limit: float = 30.0) -> None:
        """Until every daemon of a node says that it is ready. Raises :class:`LabTimeout`."""
        await self.lab.until(node.ready, limit, f"{node.site.name} is ready")

    async def until_settled(self, limit: float = SETTLE) -> None:
        """Until every daemon is ready and connected again; how long that took is a fact."""
        began = time.monotonic()
        try:
            await self.lab.until(self.lab.settled, limit, "all is settled")
        except LabTimeout:
            self.facts["settled"] = f"not within {limit:.0f} s"
        else:
            self.facts["settled"] = f"{time.monotonic() - began:.1f} s later"
