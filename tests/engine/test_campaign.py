from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from submariner_core.engine.campaign import Elector
from submariner_core.reconcile.election_state import Leadership
from submariner_core.reconcile.election_timings import Timings
from submariner_core.testing.lease import MemoryLease, MemoryLeaseStore

pytestmark = pytest.mark.looptime


@dataclass
class Candidate:
    """An elector over a shared lease, with all it said and when."""

    elector: Elector
    store: MemoryLeaseStore
    said: list[tuple[float, Leadership]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """The process dies: nothing more is done or said."""
        assert self.task is not None
        self.task.cancel()


def candidate(
    lease: MemoryLease, host: str, *, part: str = "1", offset: float = 0.0, reclaims: bool = False
) -> Candidate:
    loop = asyncio.get_running_loop()
    store = MemoryLeaseStore(lease, host)
    said: list[tuple[float, Leadership]] = []
    elector = Elector(
        store,
        f"{host}_0a1b2c3d_{part}",
        Timings(),
        lambda leadership: said.append((loop.time(), leadership)),
        reclaims=reclaims,
        clock=lambda: loop.time() + offset,
    )
    return Candidate(elector, store, said)


@asynccontextmanager
async def running(*candidates: Candidate) -> AsyncIterator[None]:
    for each in candidates:
        each.elector.set_ready(True)
        each.elector.set_order([each.elector.identity for each in candidates])
        each.task = asyncio.create_task(each.elector.run())
    try:
        yield
    finally:
        for each in candidates:
            each.stop()
        await asyncio.gather(*(c.task for c in candidates if c.task), return_exceptions=True)


async def test_the_first_of_the_list_takes_a_lease_without_a_holder_at_once() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    async with running(a, b):
        await asyncio.sleep(5)
        assert a.said == [(0.0, Leadership(True, 1, "the lease has no holder"))]
        assert b.said == []
        assert a.elector.may_write()
        assert not b.elector.may_write()


async def test_a_dead_holder_is_followed_when_its_recorded_duration_is_over() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b", offset=1000.0)
    async with running(a, b):
        await asyncio.sleep(1.2)
        a.stop()
        await asyncio.sleep(4)
        assert b.said == [(4.0, Leadership(True, 2, f"the lease of {a.elector.identity} expired"))]


async def test_a_hand_over_takes_no_waiting_and_raises_the_epoch() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    async with running(a, b):
        await asyncio.sleep(1.2)
        assert await a.elector.hand_over("b")
        assert asyncio.get_running_loop().time() == 1.2
        await asyncio.sleep(0)
        assert b.elector.leadership == Leadership(
            True, 2, f"named as successor by {a.elector.identity}"
        )
        assert a.elector.leadership == Leadership(False, 2, f"handed over to {b.elector.identity}")
        assert not a.elector.may_write()
