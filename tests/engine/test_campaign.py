from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election_state import Leadership
from submariner_core.testing.lease import MemoryLease, MemoryLeaseStore
from tests.engine.election_candidates import candidate, running

pytestmark = pytest.mark.looptime


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
        await a.stop()
        await asyncio.sleep(4)
        assert b.said == [(4.0, Leadership(True, 2, f"the lease of {a.elector.identity} expired"))]
        assert b.elector.leadership.evidence == "no renewal for 3.0 s"


async def test_a_hand_over_takes_no_waiting_and_raises_the_epoch() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    async with running(a, b):
        await asyncio.sleep(1.2)
        assert await a.elector.hand_over("b", "it is time")
        given = f"handed over to {b.elector.identity}: it is time"
        assert a.said[-1] == (1.2, Leadership(False, 2, given))
        await asyncio.sleep(0.01)
        assert b.said == [
            (1.2, Leadership(True, 2, f"named as successor by {a.elector.identity}"))
        ]
        assert not a.elector.may_write()
        assert b.elector.may_write()


async def test_a_successor_that_does_not_come_is_given_up_and_the_leader_goes_on() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    b.elector.set_ready(False)
    async with running(a, b):
        await asyncio.sleep(1.2)
        assert not await a.elector.hand_over("b")
        assert asyncio.get_running_loop().time() == pytest.approx(6.2)
        await asyncio.sleep(0.01)
        assert a.elector.may_write()
        assert a.elector.leadership.epoch == 1
        assert a.elector.record is not None
        assert a.elector.record.successor == ""


async def test_whoever_waits_for_a_hand_over_is_told_when_the_campaign_ends() -> None:
    lease = MemoryLease()
    a = candidate(lease, "a")
    async with running(a):
        await asyncio.sleep(1.2)
        waiting = asyncio.create_task(a.elector.hand_over("b"))
        await asyncio.sleep(1)
    assert await waiting is False


async def test_a_leader_that_withdraws_is_followed_at_once() -> None:
    lease = MemoryLease()
    a, b, c = (candidate(lease, host) for host in "abc")
    async with running(a, b, c):
        await asyncio.sleep(1.2)
        assert await a.elector.withdraw()
        await asyncio.sleep(0.01)
        assert b.said == [(1.2, Leadership(True, 2, "the lease has no holder"))]
        assert c.said == []
        await b.stop()
        await c.stop()
        await asyncio.sleep(30)
        assert not a.elector.leadership.active, "who has withdrawn does not contend again"


async def test_withdrawing_while_the_store_is_away_ends_with_the_lease() -> None:
    lease = MemoryLease()
    a = candidate(lease, "a")
    async with running(a):
        await asyncio.sleep(1.2)
        lease.go_away()
        assert not await a.elector.withdraw()
        assert asyncio.get_running_loop().time() == pytest.approx(4.2)
        assert not a.elector.leadership.active


async def test_a_restarted_process_with_its_hosts_lock_is_active_again_without_waiting() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    again = candidate(lease, "a", part="2", reclaims=True)
    again.elector.set_ready(False)
    async with running(a, b):
        await asyncio.sleep(1.2)
        await a.stop()
        async with running(again):
            await asyncio.sleep(10)
            cause = f"reclaimed from {a.elector.identity}, which ran on this host"
            assert again.said == [(1.2, Leadership(True, 2, cause))]
            assert b.said == []


async def test_a_partitioned_leader_stops_writing_before_the_next_one_starts() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    async with running(a, b):
        await asyncio.sleep(1.2)
        a.connection.available = False
        await asyncio.sleep(1.79)
        assert a.elector.may_write(), "its last good renewal was at 1.0"
        await asyncio.sleep(0.02)
        assert not a.elector.may_write()
        assert b.said == []
        await asyncio.sleep(1)
        assert b.said[0][0] == 4.0
        assert a.elector.leadership.active, "it has seen nobody take its lease"
        a.connection.available = True
        await asyncio.sleep(1)
        taken = f"{b.elector.identity} took the lease"
        assert a.elector.leadership == Leadership(False, 2, taken)
        assert a.task is not None
        assert not a.task.done(), "losing the lease is a change of role, never an exit"


async def test_a_leader_keeps_its_epoch_over_an_outage_of_the_store() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    async with running(a, b):
        await asyncio.sleep(1.2)
        lease.go_away()
        await asyncio.sleep(2.0)
        assert not a.elector.may_write()
        lease.come_back()
        await asyncio.sleep(0.6)
        assert a.elector.may_write()
        assert [leadership.epoch for _, leadership in a.said] == [1]
        assert b.said == []


async def test_a_store_that_is_away_at_the_start_is_asked_until_it_is_there() -> None:
    lease = MemoryLease()
    a = candidate(lease, "a")
    lease.go_away()
    with capture_logs() as logs:
        async with running(a):
            await asyncio.sleep(60)
            assert a.said == []
            lease.come_back()
            await asyncio.sleep(0.6)
            assert a.elector.may_write()
    told = [one["event"] for one in logs if one["event"].startswith("lease-")]
    beginning, end = told[:2], told[2:]
    assert set(beginning) == {"lease-store-failed", "lease-watch-lost"}
    assert set(end) == {"lease-store-back", "lease-watch-back"}
    assert len(told) == 4, "said once, however often it is tried"


@pytest.mark.parametrize("latency", [0.4, 0.9, 1.2])
async def test_a_slow_store_widens_the_lease_and_costs_nobody_the_leadership(
    latency: float,
) -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    async with running(a, b):
        await asyncio.sleep(2)
        for each in (a, b):
            each.connection.latency = latency
        await asyncio.sleep(60)
        assert [leadership.epoch for _, leadership in a.said + b.said] == [1]
        assert lease.record is not None
        assert lease.record.duration > 3.0
        assert a.elector.may_write()
        for each in (a, b):
            each.connection.latency = 0.0
        await asyncio.sleep(20)
        assert lease.record.duration == 3.0


async def test_an_answer_that_is_lost_changes_nothing() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    async with running(a, b):
        a.connection.lost_answers = 1
        await asyncio.sleep(10)
        a.connection.lost_answers = 2
        await asyncio.sleep(10)
        assert a.elector.may_write()
        assert [leadership.epoch for _, leadership in a.said] == [1]
        assert b.said == []


async def test_a_refused_write_raises_the_epoch_of_whoever_holds_the_lease() -> None:
    lease = MemoryLease()
    a, b = candidate(lease, "a"), candidate(lease, "b")
    async with running(a, b):
        await asyncio.sleep(1.2)
        a.elector.stale(9)
        b.elector.stale(9)
        assert not a.elector.may_write()
        await asyncio.sleep(0.01)
        assert a.said[-1] == (1.2, Leadership(True, 10, "epoch 9 was seen"))
        assert a.elector.may_write()
        assert b.said == []


async def test_an_epoch_seen_before_the_start_is_below_the_first_one_taken() -> None:
    a = candidate(MemoryLease(), "a")
    a.elector.epoch_seen(41)
    async with running(a):
        await asyncio.sleep(0.01)
        assert a.elector.leadership.epoch == 42


class Misbehaving(MemoryLeaseStore):
    """Raises what no store should, hangs, and ends its watch, in turn."""

    turn = 0

    async def swap(self, expected: LeaseRecord | None, new: LeaseRecord) -> LeaseRecord | None:
        self.turn += 1
        if self.turn % 3 == 1:
            raise ZeroDivisionError
        if self.turn % 3 == 2:
            await asyncio.Event().wait()
        return await super().swap(expected, new)


async def test_a_store_that_misbehaves_never_ends_the_campaign() -> None:
    lease = MemoryLease()
    a = candidate(lease, "a", store=Misbehaving(lease))
    async with running(a):
        await asyncio.sleep(30)
        assert a.task is not None
        assert not a.task.done()
        assert a.elector.leadership.active


async def test_an_observer_that_raises_or_talks_back_does_not_end_the_campaign() -> None:
    lease = MemoryLease()
    a = candidate(lease, "a")
    told: list[bool] = []

    def observer(leadership: Leadership) -> None:
        told.append(leadership.active)
        a.elector.epoch_seen(leadership.epoch + 1 if len(told) < 3 else 0)
        raise ZeroDivisionError

    a.elector._on_change = observer
    async with running(a):
        await asyncio.sleep(3)
        assert told == [True, True, True]
        assert a.elector.leadership.epoch == 5
        assert a.elector.may_write()


@pytest.mark.timeout(20)
async def test_a_boot_clock_a_hair_behind_the_loops_does_not_make_a_wake_up_spin() -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    a = candidate(MemoryLease(), "a")
    a.elector._clock = lambda: 1e6 + (loop.time() - started) * (1 - 1e-10)
    async with running(a):
        await asyncio.sleep(60)
        assert a.elector.may_write()
