"""Three electors with the real timings, under faults that hypothesis thinks up."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from submariner_core.testing.lease import MemoryLease
from tests.engine.election_candidates import Candidate, candidate, running

pytestmark = [pytest.mark.looptime, pytest.mark.timeout(180)]

HOSTS = "abc"


class Kind(enum.Enum):
    CUT = enum.auto()
    HEAL = enum.auto()
    SLOW = enum.auto()
    LOSE_ANSWERS = enum.auto()
    OUTAGE = enum.auto()
    RECOVERY = enum.auto()
    HAND_OVER = enum.auto()
    UNREADY = enum.auto()
    READY = enum.auto()
    STALE = enum.auto()


@dataclass(frozen=True)
class Fault:
    after: float
    kind: Kind
    whom: int
    amount: float


faults = st.lists(
    st.builds(
        Fault,
        after=st.floats(0.0, 4.0),
        kind=st.sampled_from(Kind),
        whom=st.integers(0, len(HOSTS) - 1),
        amount=st.floats(0.0, 1.5),
    ),
    max_size=15,
)


def strike(fault: Fault, lease: MemoryLease, candidates: list[Candidate]) -> None:
    victim = candidates[fault.whom]
    match fault.kind:
        case Kind.CUT:
            victim.connection.available = False
        case Kind.HEAL:
            victim.connection.available = True
        case Kind.SLOW:
            victim.connection.latency = fault.amount
        case Kind.LOSE_ANSWERS:
            victim.connection.lost_answers = int(3 * fault.amount)
        case Kind.OUTAGE:
            lease.go_away()
        case Kind.RECOVERY:
            lease.come_back()
        case Kind.UNREADY | Kind.READY:
            victim.elector.set_ready(fault.kind is Kind.READY)
        case Kind.STALE:
            victim.elector.stale(victim.elector.leadership.epoch + 1)
        case Kind.HAND_OVER:
            pass


def writers(candidates: list[Candidate]) -> list[Candidate]:
    return [each for each in candidates if each.elector.may_write()]


async def watch_over(candidates: list[Candidate]) -> None:
    while True:
        assert len(writers(candidates)) <= 1
        await asyncio.sleep(0.03)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(faults)
async def test_never_two_writers_and_always_one_once_the_faults_are_over(
    plan: list[Fault],
) -> None:
    lease = MemoryLease()
    candidates = [candidate(lease, host, offset=500.0 * i) for i, host in enumerate(HOSTS)]
    async with running(*candidates), asyncio.TaskGroup() as tasks:
        guard = tasks.create_task(watch_over(candidates))
        for fault in plan:
            await asyncio.sleep(fault.after)
            strike(fault, lease, candidates)
            if fault.kind is Kind.HAND_OVER and candidates[fault.whom].elector.may_write():
                successor = HOSTS[(fault.whom + 1) % len(HOSTS)]
                tasks.create_task(candidates[fault.whom].elector.hand_over(successor))
        lease.come_back()
        for each in candidates:
            each.connection.available, each.connection.latency = True, 0.0
            each.connection.lost_answers = 0
            each.elector.set_ready(True)
        await asyncio.sleep(30)
        guard.cancel()
        assert len(writers(candidates)) == 1
    led = [(one.epoch, who) for who in candidates for _, one in who.said if one.active]
    assert len({epoch for epoch, _ in led}) == len(led), "no epoch was led twice"
    for each in candidates:
        epochs = [one.epoch for _, one in each.said]
        assert epochs == sorted(epochs)
