"""Electors over one lease in virtual time, with all they said and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from submariner_core.api.lease import LeaseStore
from submariner_core.engine.campaign import Elector
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.election_timings import Timings
from submariner_core.testing.connection import Connection
from submariner_core.testing.lease import MemoryLease, MemoryLeaseStore


@dataclass
class Candidate:
    """``said``: every change of leadership, with the loop's time."""

    elector: Elector
    connection: Connection
    said: list[tuple[float, Leadership]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The process begins to campaign."""
        self.task = asyncio.create_task(self.elector.run())

    async def stop(self) -> None:
        """The process dies: nothing more is done or said."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


def candidate(
    lease: MemoryLease,
    host: str,
    *,
    part: str = "1",
    offset: float = 0.0,
    reclaims: bool = False,
    store: LeaseStore | None = None,
) -> Candidate:
    """A ready one, not yet started, whose boot clock is ``offset`` ahead of the loop's."""
    loop = asyncio.get_running_loop()
    own = MemoryLeaseStore(lease, host)
    said: list[tuple[float, Leadership]] = []
    elector = Elector(
        store or own,
        f"{host}_0a1b2c3d_{part}",
        Timings(),
        lambda leadership: said.append((loop.time(), leadership)),
        reclaims=reclaims,
        clock=lambda: loop.time() + offset,
    )
    elector.set_ready(True)
    return Candidate(elector, own.connection, said)


@asynccontextmanager
async def running(*candidates: Candidate) -> AsyncIterator[None]:
    """All of them campaign, in this order."""
    for each in candidates:
        each.elector.set_order([each.elector.identity for each in candidates])
        each.start()
    try:
        yield
    finally:
        for each in candidates:
            await each.stop()
