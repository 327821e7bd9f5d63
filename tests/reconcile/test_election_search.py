"""Exhaustive search over the real state machine, and proof that the search can find faults.

Times are in ticks: mostly duration 3, renew deadline 2, retry period 1. Without a limit of delays
the search is complete for its budget: unbounded time, any pause, partition, lost answer and late
swap. The number of worlds looked at is recorded as a property of the test suite.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import pytest

from submariner_core.api.lease import LeaseRecord
from submariner_core.reconcile.election import step
from submariner_core.reconcile.election_actions import Swap
from submariner_core.reconcile.election_events import Event, SwapWon
from submariner_core.reconcile.election_state import Campaign
from submariner_core.reconcile.election_state import Step as Stepped
from submariner_core.reconcile.election_timings import Timings
from tests.reconcile.election_process import Step
from tests.reconcile.election_search import Search
from tests.reconcile.election_world import Budget, Report, ViolationError

pytestmark = pytest.mark.timeout(300)

TICKS = Timings(duration=3, renew_deadline=2, retry_period=1, hand_over=2, widest=1)
WIDENING = Timings(duration=4, renew_deadline=3, retry_period=1, hand_over=2, widest=2, calm=1)
LISTED = ("a", "b", "c")


class Explore(Protocol):
    """Explore, and note how much there was to look at."""

    def __call__(self, search: Search, delays: int | None = None) -> Report: ...


@pytest.fixture
def explore(
    request: pytest.FixtureRequest, record_testsuite_property: Callable[[str, object], None]
) -> Explore:
    def explored(search: Search, delays: int | None = None) -> Report:
        report = search.explore(delays)
        record_testsuite_property(request.node.name, report)
        assert report.worlds > 2_000
        return report

    return explored


@pytest.fixture(autouse=True)
def _no_cycles_to_collect() -> Iterator[None]:
    """Millions of tuples without a cycle among them are not worth looking through."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()


def candidates(
    hosts: str, timings: Timings = TICKS, *, listed: bool = False, ready: bool = True
) -> list[Campaign]:
    order = LISTED if listed else ()
    return [Campaign(f"{h}_0a1b2c3d_1", timings, ready=ready, order=order) for h in hosts]


def test_every_world_of_two_candidates_has_one_writer_and_finds_a_leader(
    explore: Explore,
) -> None:
    report = explore(Search(candidates("ab"), Budget()))
    assert report.worlds > 100_000
    assert report.slowest <= TICKS.duration


@pytest.mark.parametrize(
    ("budget", "delays"),
    [
        (Budget(hand_overs=1), 3),
        (Budget(hand_overs=2), 1),
        (Budget(crashes=1, restarts=1), 2),
        (Budget(withdrawals=1), 2),
        (Budget(rumours=1), 2),
        (Budget(unready=1, hand_overs=1), 1),
        (Budget(refusals=1), 3),
        (Budget(echoes=1), 2),
    ],
    ids=str,
)
def test_two_candidates_stay_safe_and_live_whatever_they_are_told(
    budget: Budget, delays: int, explore: Explore
) -> None:
    report = explore(Search(candidates("ab"), budget), delays)
    assert report.slowest <= TICKS.duration + TICKS.retry_period


def test_two_candidates_stay_safe_and_live_while_the_lease_widens_and_narrows(
    explore: Explore,
) -> None:
    report = explore(Search(candidates("ab", WIDENING), Budget()), 4)
    assert report.slowest <= WIDENING.duration * WIDENING.widest


@pytest.mark.parametrize(
    ("budget", "delays"),
    [
        (Budget(), 2),
        (Budget(crashes=1), 2),
        (Budget(crashes=2), 1),
        (Budget(hand_overs=1, crashes=1), 1),
    ],
    ids=str,
)
def test_three_candidates_stay_safe_and_live(
    budget: Budget, delays: int, explore: Explore
) -> None:
    report = explore(Search(candidates("abc", listed=True), budget), delays)
    assert report.slowest <= TICKS.duration + 2 * TICKS.retry_period


def test_three_candidates_that_all_think_they_are_first_stay_safe_and_live(
    explore: Explore,
) -> None:
    report = explore(Search(candidates("abc"), Budget()), 1)
    assert report.slowest <= TICKS.duration


def test_candidates_that_are_not_ready_still_find_a_leader(explore: Explore) -> None:
    report = explore(Search(candidates("ab", ready=False), Budget(crashes=1)), 2)
    assert report.slowest <= 2 * TICKS.duration + TICKS.retry_period


# ---- each rule that is broken on purpose must be found out


class LateDeadline(Timings):
    """A holder that goes on writing after its lease has expired."""

    def deadline(self, duration: float) -> float:
        return duration + 1


class Hasty(Timings):
    """A challenger that does not wait for the holder's recorded duration."""

    def recorded(self, duration: float) -> float:
        return duration - 2

    def deadline(self, duration: float) -> float:
        return self.renew_deadline


class Deaf(Timings):
    """A challenger that waits for ever."""

    def recorded(self, duration: float) -> float:
        return duration + 1000

    def deadline(self, duration: float) -> float:
        return self.renew_deadline


def mutant(kind: type[Timings]) -> Timings:
    return kind(duration=3, renew_deadline=2, retry_period=1, hand_over=2, widest=1)


def counts_from_the_answer(state: Campaign, event: Event, now: float) -> Stepped:
    """The deadline runs from when the renewal was answered, not from when it was sent."""
    if isinstance(event, SwapWon) and state.pending is not None:
        state = replace(state, pending=replace(state.pending, since=now))
    return step(state, event, now)


def writes_while_naming(state: Campaign, event: Event, now: float) -> Stepped:
    """A holder goes on writing while its successor may already have the lease."""
    after, actions = step(state, event, now)
    request = after.pending.request if after.pending is not None else None
    if after.active and isinstance(request, Swap) and request.new.successor:
        after = replace(after, write_until=state.write_until)
    return after, actions


def narrows_carelessly(state: Campaign, event: Event, now: float) -> Stepped:
    """A holder records a shorter duration and goes on by the longer one."""
    after, actions = step(state, event, now)
    if after.active and after.write_until < state.write_until and not after.successor:
        after = replace(after, write_until=state.write_until)
    return after, actions


def keeps_the_epoch(state: Campaign, event: Event, now: float) -> Stepped:
    """A lease is taken without raising its epoch."""
    after, actions = step(state, event, now)
    if after.pending is None or after.pending is state.pending or after.record is None:
        return after, actions
    request = after.pending.request
    if isinstance(request, Swap):
        new: LeaseRecord = replace(request.new, epoch=after.record.epoch)
        after = replace(after, pending=replace(after.pending, request=replace(request, new=new)))
    return after, actions


@pytest.mark.parametrize(
    ("timings", "budget", "rule", "careless", "found"),
    [
        (mutant(LateDeadline), Budget(), step, False, "may write at once"),
        (mutant(Hasty), Budget(), step, False, "may write at once"),
        (mutant(Deaf), Budget(crashes=1), step, False, "nobody leads"),
        (TICKS, Budget(), counts_from_the_answer, False, "may write at once"),
        (TICKS, Budget(hand_overs=1), writes_while_naming, False, "may write at once"),
        (WIDENING, Budget(), narrows_carelessly, False, "may write at once"),
        (TICKS, Budget(), keeps_the_epoch, False, "hold the same epoch"),
        (TICKS, Budget(), step, True, "hold the same epoch"),
    ],
    ids=[
        "deadline after expiry",
        "challenger in a hurry",
        "challenger that never takes",
        "deadline counted from the answer",
        "writing while a successor is named",
        "narrowing without an earlier deadline",
        "taking without a higher epoch",
        "a store that ignores versions",
    ],
)
def test_the_search_finds_a_broken_rule(
    timings: Timings, budget: Budget, rule: Step, careless: bool, found: str
) -> None:
    search = Search(candidates("ab", timings), budget, rule=rule, careless=careless)
    with pytest.raises(ViolationError, match=found):
        search.explore(6)


def test_the_search_finds_a_process_that_reclaims_without_its_hosts_lock() -> None:
    first, second = candidates("aa")
    second = replace(second, identity="a_0a1b2c3d_2", reclaims=True)
    with pytest.raises(ViolationError, match="may write at once"):
        Search([first, second], Budget()).explore(6)
