"""The verdict of probes, upstream's statistics, and what a connection shows of both."""

from __future__ import annotations

import math
from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.model import ConnectionStatus, LatencyRTT
from submariner_core.reconcile.health import (
    DOUBT,
    SURELY_DOWN,
    WINDOW,
    Health,
    Statistics,
    doubtful,
    enough,
    lost,
    merge,
    needed,
    patience,
    record,
    replied,
)

CONNECTED, CONNECTING = ConnectionStatus.CONNECTED, ConnectionStatus.CONNECTING
ERROR, NONE = ConnectionStatus.ERROR, ConnectionStatus.NONE
MS = 1_000_000
TARGET = ip_address("10.2.0.1")
UP = replied(Health(), MS)
DOWN = enough(3)

samples = st.lists(st.integers(0, 10**10), min_size=1, max_size=60)


def missing(health: Health, count: int, *, receiving: bool = False) -> Health:
    for _ in range(count):
        health = lost(health, 3, receiving=receiving)
    return health


def measured(rtts: list[int]) -> Statistics:
    statistics = Statistics()
    for rtt in rtts:
        statistics = record(statistics, rtt)
    return statistics


def test_nothing_is_known_before_the_first_probe() -> None:
    assert Health().status is CONNECTING
    assert Health().statistics.latency() == LatencyRTT(0, 0, 0, 0, 0)


def test_three_intervals_without_a_reply_are_an_error_and_less_is_not() -> None:
    assert missing(UP, DOWN - 1).status is CONNECTED
    assert missing(UP, DOWN).status is ERROR


def test_a_path_is_in_doubt_from_the_first_miss_to_the_verdict() -> None:
    found = [doubtful(missing(UP, count), 3) for count in range(DOWN + 3)]
    assert found == [False, *[True] * (DOWN - 1), False, False, False]
    assert not doubtful(replied(missing(UP, 2), MS), 3)
    assert not doubtful(missing(UP, DOWN, receiving=True), 3)


def test_one_reply_recovers() -> None:
    back = replied(missing(UP, 100), MS)
    assert (back.status, back.misses) == (CONNECTED, 0)


def test_a_reply_between_misses_starts_the_count_anew() -> None:
    assert missing(replied(missing(UP, DOWN - 1), MS), DOWN - 1).status is CONNECTED


def test_while_packets_arrive_only_thirty_misses_in_a_row_are_an_error() -> None:
    assert missing(UP, SURELY_DOWN - 1, receiving=True).status is CONNECTED
    assert missing(UP, SURELY_DOWN, receiving=True).status is ERROR


def test_packets_that_stop_arriving_end_the_grace() -> None:
    assert lost(missing(UP, DOWN + 2, receiving=True), 3).status is ERROR


def test_a_path_that_never_answered_becomes_an_error_too() -> None:
    assert missing(Health(), DOWN).status is ERROR


def test_statistics_survive_an_error() -> None:
    assert missing(UP, 50).statistics == UP.statistics


@pytest.mark.parametrize(("rtt", "seconds"), [(10 * MS, 0.1), (200 * MS, 0.6)])
def test_a_slow_path_is_waited_for_longer_than_the_interval(rtt: int, seconds: float) -> None:
    assert patience(replied(Health(), rtt), 0.1) == pytest.approx(seconds)


def test_a_steady_path_is_waited_for_its_round_trip_time() -> None:
    health = Health()
    for _ in range(200):
        health = replied(health, 300 * MS)
    assert patience(health, 0.1) == pytest.approx(0.3)


def test_statistics_are_integers_as_upstream_computes_them() -> None:
    # mean 10 -> 15 -> 21 (64 // 3); D 0 -> (20-10)*(20-15) -> 50 + (34-15)*(34-21)
    assert measured([10, 20, 34]).latency() == LatencyRTT(34, 10, 21, 34, math.isqrt(297 // 3))


def test_after_a_thousand_samples_the_window_restarts_from_the_last_two() -> None:
    full = measured([7] * (WINDOW - 1) + [100])
    assert full.count == WINDOW
    after = record(full, 201)
    assert (after.count, after.mean) == (2, 150)
    assert after.latency() == LatencyRTT(201, 7, 150, 201, math.isqrt((50**2 + 51**2) // 2))


@given(samples)
def test_statistics_stay_within_what_was_measured(rtts: list[int]) -> None:
    latency = measured(rtts).latency()
    assert (latency.last, latency.min, latency.max) == (rtts[-1], min(rtts), max(rtts))
    assert latency.average == sum(rtts) // len(rtts)
    assert 0 <= latency.std_dev <= max(rtts) - min(rtts) + len(rtts)


@given(st.lists(st.one_of(st.integers(0, 10**9), st.booleans()), max_size=60))
def test_the_verdict_follows_from_the_misses_since_the_last_reply(
    probes: list[int | bool],
) -> None:
    health, misses = Health(), 0
    for probe in probes:
        if isinstance(probe, bool):
            health, misses = lost(health, 3, receiving=probe), misses + 1
        else:
            health, misses = replied(health, probe), 0
            assert health.answered
        assert health.misses == misses
        assert not (misses < DOWN and health.status is ERROR)
        assert health.status is ERROR or misses < SURELY_DOWN


@pytest.mark.parametrize(
    ("driver", "health", "shown"),
    [
        (CONNECTED, None, CONNECTED),
        (CONNECTED, UP, CONNECTED),
        (CONNECTED, missing(UP, DOWN), ERROR),
        (CONNECTED, Health(), CONNECTING),
        (CONNECTED, missing(UP, 1), CONNECTED),
        (ERROR, UP, CONNECTED),
        (ERROR, Health(), ERROR),
        (ERROR, missing(UP, DOWN), ERROR),
        (CONNECTING, UP, CONNECTING),
        (CONNECTING, missing(UP, DOWN), CONNECTING),
        (NONE, None, NONE),
    ],
)
def test_a_connection_shows_what_driver_and_probes_say_together(
    driver: ConnectionStatus, health: Health | None, shown: ConnectionStatus
) -> None:
    assert merge(driver, "", health, TARGET)[0] is shown


def test_a_lost_path_says_whom_it_probed() -> None:
    _, message, latency = merge(CONNECTED, "", missing(UP, DOWN + 1), TARGET)
    assert message == f'no reply to {DOWN + 1} probes of "10.2.0.1"'
    assert latency == LatencyRTT(MS, MS, MS, MS, 0)


def test_the_drivers_own_error_is_kept_until_a_probe_is_answered() -> None:
    assert merge(ERROR, "no handshake", missing(UP, DOWN), TARGET)[1] == "no handshake"
    assert merge(ERROR, "no handshake", UP, TARGET)[1] == ""


def test_without_a_reply_there_is_no_latency() -> None:
    assert merge(CONNECTED, "", missing(Health(), DOWN), TARGET)[2] is None


def lossy(health: Health, every: int, rounds: int) -> Health:
    """A path that loses one probe in ``every``."""
    for _ in range(rounds):
        health = lost(health, 3)
        for _ in range(every - 1):
            health = replied(health, MS)
    return health


def test_a_lossy_path_takes_more_misses_until_it_is_down() -> None:
    usual = lossy(UP, every=3, rounds=60)
    assert usual.loss == pytest.approx(0.33, abs=0.05)
    assert needed(usual.loss, 3) == pytest.approx(16, abs=2)
    assert missing(usual, DOWN).status is CONNECTED
    assert missing(usual, needed(usual.loss, 3)).status is ERROR


def test_a_clean_path_takes_three_intervals_and_an_outage_teaches_no_loss() -> None:
    back = replied(missing(UP, 100), MS)
    assert back.loss == 0.0
    assert needed(back.loss, 3) == DOWN


@given(st.floats(0, 1), st.integers(1, 10))
def test_never_less_than_asked_and_never_more_than_surely_down(loss: float, misses: int) -> None:
    assert enough(misses) <= needed(loss, misses) <= max(SURELY_DOWN, enough(misses))


@pytest.mark.parametrize(("each_way", "left"), [(0.1, 0.0), (0.3, 0.01)])
def test_a_clean_path_that_turns_lossy_is_hardly_ever_called_down(
    each_way: float, left: float
) -> None:
    random = Random(f"{each_way}")

    def survives() -> bool:
        health, rounds = UP, 60.0
        while rounds > 0 and health.status is CONNECTED:
            rounds -= 1 / DOUBT if doubtful(health, 3) else 1
            answered = random.random() > each_way and random.random() > each_way
            health = replied(health, MS) if answered else lost(health, 3)
        return health.status is CONNECTED

    assert sum(not survives() for _ in range(400)) <= 400 * left


def test_probes_that_waited_for_a_handshake_do_not_make_the_path_look_slow() -> None:
    health = Health()
    for rtt in (3.0, 2.9, 2.8, 1.5, 0.8, 0.3, 0.1, 0.001, 0.001):
        health = replied(health, round(rtt * 1e9))
    assert patience(health, 0.1) == 0.1
