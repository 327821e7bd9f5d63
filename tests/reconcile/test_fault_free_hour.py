"""An hour in which nothing breaks: noise, in the measure that machines have it, moves nothing."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from submariner_core.observe.prober import LATE, Target
from submariner_core.reconcile.health import Health, lost, patience, replied
from submariner_core.reconcile.node import decide
from submariner_core.reconcile.paths import Verdict, verdict_of
from tests.reconcile.plan_world import World, stored, west
from tests.reconcile.test_node import GW1, GW2, own, remote, seen

ROUND, ROUNDS = 0.1, 36_000
MISSES = 3
LOSS = 1 / 1000
"""Of single probes."""
STALL, STALLS = (0.02, 0.2), 1 / 150
"""Seconds for which now and then everything waits, and how often that begins in a round."""
LATENESS = 1 / 500
"""Rounds in which the prober itself runs late and judges nothing."""

Decide = Callable[[Mapping[str, Verdict], float], str]
"""What carries, by what is known of each path."""


@dataclass
class Probed:
    """A path as the prober probes it."""

    target: Target
    health: Health = field(default_factory=Health)
    sent: int = 0
    waiting: dict[int, float] = field(default_factory=dict)


@dataclass
class Hour:
    """Probes of two paths over a noisy network; ``outage`` is from when to when none answers."""

    noise: random.Random
    outage: tuple[float, float] = (-1.0, -1.0)
    rounds: int = ROUNDS
    paths: dict[str, Probed] = field(default_factory=dict)
    events: list[tuple[float, int, str, str, int]] = field(default_factory=list)
    stalled_until: float = 0.0
    downs: int = 0
    voids: int = 0
    lost: int = 0
    slow: int = 0

    def verdicts(self) -> dict[str, Verdict]:
        return {name: verdict_of(one.health.status) for name, one in self.paths.items()}

    def run(self, carrying: str, standby: str, choose: Decide) -> list[tuple[float, str]]:
        """Every change of what carries, with its time."""
        for name, interval in ((carrying, 0.1), (standby, 1.0)):
            self.paths[name] = Probed(Target(GW1, None, interval))
            self._at(0.0, "send", name)
        carries, moves = choose(self.verdicts(), 0.0), []
        for number in range(self.rounds):
            now = number * ROUND
            if self.noise.random() < STALLS:
                self.stalled_until = now + self.noise.uniform(*STALL)
            late = self.noise.random() < LATENESS
            self.voids += late
            before = self.verdicts()
            while self.events[0][0] < now + ROUND:
                self._take(late)
            if self.verdicts() != before or number % 10 == 0:
                chosen = choose(self.verdicts(), now + ROUND)
                if chosen != carries:
                    moves.append((now + ROUND, chosen))
                carries = chosen
        return moves

    def _at(self, when: float, what: str, name: str, number: int = 0) -> None:
        heapq.heappush(self.events, (when, self.noise.getrandbits(30), what, name, number))

    def _take(self, late: bool) -> None:
        now, _, what, name, number = heapq.heappop(self.events)
        one = self.paths[name]
        if what == "send" and number == one.sent:
            self._send(name, one, now)
        elif what == "reply":
            one.waiting.pop(number, None)
            one.health = replied(one.health, int(1e9 * (now - self._sent_at(number))))
        elif what == "judge" and one.waiting.pop(number, None) is not None and not late:
            one.health = lost(one.health, MISSES)
            self.downs += one.health.misses >= 13
            self._again(name, one, now)

    def _send(self, name: str, one: Probed, now: float) -> None:
        one.sent += 1
        number = int(now * 1e6)
        pause = one.target.pause(one.health, MISSES)
        one.waiting[number] = now
        self._at(now + patience(one.health, max(pause, LATE)), "judge", name, number)
        self._at(now + pause, "send", name, one.sent)
        # the first path alone is struck by what the second one has to carry
        first = one is next(iter(self.paths.values()))
        if first and self.outage[0] <= now < self.outage[1]:
            return
        if self.noise.random() < LOSS:
            self.lost += 1
            return
        trip = self.noise.lognormvariate(-7.0, 0.7)
        self.slow += now < self.stalled_until
        self._at(max(now, self.stalled_until) + trip, "reply", name, number)

    def _again(self, name: str, one: Probed, now: float) -> None:
        """A miss makes the next probe come sooner."""
        one.sent += 1
        self._at(now + one.target.pause(one.health, MISSES), "send", name, one.sent)

    @staticmethod
    def _sent_at(number: int) -> float:
        return number / 1e6


def gateway() -> tuple[str, str, Decide]:
    """A gateway that sends to cluster west."""
    first, second = west(9), west(10)
    world = World().put(stored(first, second))
    world.settle()

    def choose(verdicts: Mapping[str, Verdict], now: float) -> str:
        world.verdicts = dict(verdicts)
        (planned,) = world.plan(now).clusters.values()
        assert planned.choice.carries is not None
        return planned.choice.carries

    return first.cable_name, second.cable_name, choose


def node() -> tuple[str, str, Decide]:
    """A node that sends through its own cluster's gateways."""
    view = seen(own(), remote())

    def choose(verdicts: Mapping[str, Verdict], now: float) -> str:
        nonlocal view
        decision = decide(replace(view, verdicts=verdicts), now)
        view = replace(view, path=decision.path, chosen=decision.chosen)
        assert decision.plan is not None
        assert decision.plan.carries is not None
        return decision.plan.carries.hostname

    return f"node-{GW1}", f"node-{GW2}", choose


@pytest.mark.parametrize("role", [gateway, node])
def test_no_sender_moves_in_an_hour_without_a_fault(
    role: Callable[[], tuple[str, str, Decide]],
) -> None:
    hour = Hour(random.Random(1))
    assert hour.run(*role()) == []
    assert hour.lost > 20
    assert hour.slow > 100
    assert hour.voids > 40
    assert hour.downs == 0


@pytest.mark.parametrize("role", [gateway, node])
def test_the_same_noise_with_a_second_of_silence_has_one_move_and_the_way_back(
    role: Callable[[], tuple[str, str, Decide]],
) -> None:
    hour = Hour(random.Random(1), outage=(100.0, 101.0), rounds=2000)
    carrying, standby, choose = role()
    (moved, after), (back, again) = hour.run(carrying, standby, choose)
    assert (after, again) == (standby, carrying)
    assert 100.3 < moved < 100.7
    assert 10.0 <= back - moved < 12.0
