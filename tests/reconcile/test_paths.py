"""The choice of the path that carries: evidence, damping, and the leader's word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from submariner_core.reconcile.paths import (
    CLEAN,
    CLEAN_LONGEST,
    INHERITED,
    MOVES_WITHIN,
    Choice,
    Memory,
    Verdict,
    choose_path,
    inherit,
)

UP, DOWN, UNKNOWN = Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN
LIST = ("a", "b")


def choose(
    memory: Memory, now: float, leader: str = "a", epoch: int = 1, **verdicts: Verdict
) -> Choice:
    return choose_path(memory, leader, LIST, epoch, verdicts, now)


def settled(**verdicts: Verdict) -> Memory:
    return choose(Memory(), 0.0, **verdicts).memory


def test_the_leaders_path_carries_from_the_start_though_not_probed_yet() -> None:
    assert choose(Memory(), 0.0, a=UNKNOWN, b=UP).carries == "a"


def test_traffic_moves_to_the_standby_when_the_leader_does_not_answer() -> None:
    choice = choose(settled(a=UP, b=UP), 1.0, a=DOWN, b=UP)
    assert choice.carries == "b"
    assert choice.cause == "a does not answer"


def test_nobody_moves_to_a_standby_that_does_not_answer_either() -> None:
    memory = settled(a=UP, b=UP)
    assert choose(memory, 1.0, a=DOWN, b=DOWN).carries == "a"
    assert choose(memory, 1.0, a=DOWN, b=UNKNOWN).carries == "a"


def test_traffic_returns_after_the_leader_was_clean_for_ten_seconds() -> None:
    away = choose(settled(a=UP, b=UP), 1.0, a=DOWN, b=UP).memory
    first = choose(away, 5.0, a=UP, b=UP)
    assert (first.carries, first.wake_at) == ("b", 5.0 + CLEAN)
    assert choose(first.memory, 14.9, a=UP, b=UP).carries == "b"
    assert choose(first.memory, 15.0, a=UP, b=UP).carries == "a"


def test_a_single_miss_of_the_leader_starts_the_wait_anew() -> None:
    away = choose(settled(a=UP, b=UP), 1.0, a=DOWN, b=UP).memory
    clean = choose(away, 5.0, a=UP, b=UP).memory
    dirty = choose(clean, 10.0, a=DOWN, b=UP).memory
    assert choose(dirty, 15.0, a=UP, b=UP).carries == "b"


def test_the_wait_doubles_with_each_move() -> None:
    memory, now = settled(a=UP, b=UP), 0.0
    waits = []
    for _ in range(2):
        memory = choose(memory, now, a=DOWN, b=UP).memory
        waits.append(memory.clean)
        memory = choose(memory, now, a=UP, b=UP).memory
        now += memory.clean
        memory = choose(memory, now, a=UP, b=UP).memory
        assert memory.carries == "a"
    assert waits == [CLEAN, 2 * CLEAN]


def test_after_three_moves_in_five_minutes_only_the_leader_is_followed() -> None:
    moves = (0.0, 10.0, 20.0)
    memory = Memory("a", 1, "a", moves=moves)
    assert choose(memory, 30.0, a=DOWN, b=UP).carries == "a"
    away = Memory("a", 1, "b", moves=moves)
    assert choose(away, 30.0, a=DOWN, b=UP).carries == "a"
    assert choose(memory, MOVES_WITHIN + 21.0, a=DOWN, b=UP).carries == "b"


def test_a_higher_epoch_overrides_at_once() -> None:
    memory = settled(a=UP, b=UP)
    assert choose(memory, 1.0, leader="b", epoch=2, a=UP, b=UNKNOWN).carries == "b"


def test_a_new_leader_that_does_not_answer_here_gets_nothing_until_it_does() -> None:
    memory = settled(a=UP, b=UP)
    refused = choose(memory, 1.0, leader="b", epoch=2, a=UP, b=DOWN)
    assert refused.carries == "a"
    assert choose(refused.memory, 2.0, leader="b", epoch=2, a=UP, b=UP).carries == "b"


def test_the_gateway_that_traffic_moved_to_becoming_leader_changes_nothing() -> None:
    away = choose(settled(a=UP, b=UP), 1.0, a=DOWN, b=UP).memory
    confirmed = choose(away, 4.0, leader="b", epoch=2, a=DOWN, b=UP)
    assert (confirmed.carries, confirmed.cause) == ("b", "")


def test_a_path_that_vanished_is_left_even_without_a_verdict() -> None:
    assert choose(settled(a=UP, b=UP), 1.0, b=UNKNOWN).carries == "b"


def test_a_new_leader_without_a_path_yet_waits_for_it() -> None:
    memory = settled(a=UP, b=UP)
    assert choose(memory, 1.0, leader="c", epoch=2, a=UP, b=UP).carries == "a"


def test_what_an_earlier_process_moved_to_carries_until_the_leader_has_a_verdict() -> None:
    first = choose(inherit("b", 0.0), 0.0, a=UNKNOWN, b=UNKNOWN)
    assert (first.carries, first.wake_at, first.cause) == ("b", INHERITED, "")
    assert choose(first.memory, 1.0, a=UNKNOWN, b=UP).carries == "b"
    assert choose(first.memory, 1.0, a=UP, b=UP).carries == "a"
    assert choose(first.memory, 1.0, b=UP).carries == "b", "the leader's path is not there yet"


def test_a_move_that_was_inherited_and_proves_right_counts_as_one_of_our_own() -> None:
    memory = choose(inherit("b", 0.0), 0.0, a=UNKNOWN, b=UP).memory
    away = choose(memory, 1.0, a=DOWN, b=UP)
    assert (away.carries, away.memory.moves) == ("b", (1.0,))
    back = choose(away.memory, 5.0, a=UP, b=UP)
    assert (back.carries, back.wake_at) == ("b", 5.0 + CLEAN)


def test_what_was_inherited_is_left_when_it_proves_dead_or_nothing_is_known_for_long() -> None:
    memory = choose(inherit("b", 0.0), 0.0, a=UNKNOWN, b=UNKNOWN).memory
    assert choose(memory, 1.0, a=UNKNOWN, b=DOWN).carries == "a"
    assert choose(memory, INHERITED, a=UNKNOWN, b=UNKNOWN).carries == "a"
    assert choose(memory, 1.0, epoch=2, a=UNKNOWN, b=UP).carries == "a"


def test_a_leader_that_is_inherited_is_left_as_any_other() -> None:
    memory = choose(inherit("a", 0.0), 0.0, a=UNKNOWN, b=UP).memory
    assert memory == Memory("a", 1, "a")
    assert choose(memory, 1.0, a=DOWN, b=UP).memory.moves == (1.0,)


def test_without_evidence_the_leader_is_followed_whatever_the_probes_say() -> None:
    verdicts = {"a": DOWN, "b": UP}
    assert choose_path(Memory(), "a", LIST, 1, verdicts, 0.0, evidence=False).carries == "a"


def test_no_path_at_all_carries_nothing() -> None:
    assert choose(Memory(), 0.0).carries is None


verdict_maps = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(Verdict) for name in ("a", "b", "c")}
)
histories = st.lists(st.tuples(st.floats(0.05, 40.0), verdict_maps), max_size=60)


@given(histories)
def test_what_carries_is_there_and_something_carries_while_anything_is(
    history: list[tuple[float, dict[str, Verdict]]],
) -> None:
    memory, now = Memory(), 0.0
    for wait, verdicts in history:
        now += wait
        choice = choose_path(memory, "a", LIST, 1, verdicts, now)
        memory = choice.memory
        assert choice.carries is None or choice.carries in verdicts
        if {"a", "b"} & verdicts.keys():
            assert choice.carries is not None
        assert CLEAN <= memory.clean <= CLEAN_LONGEST


@given(histories)
def test_a_path_never_flaps_whatever_the_probes_say(
    history: list[tuple[float, dict[str, Verdict]]],
) -> None:
    memory, now = Memory(), 0.0
    left: list[float] = []
    for wait, verdicts in history:
        now += wait
        both = {"a": UNKNOWN, "b": UNKNOWN, **verdicts}
        choice = choose_path(memory, "a", LIST, 1, both, now)
        if memory.carries == "a" and choice.carries != "a":
            left.append(now)
        memory = choice.memory
    for start in left:
        assert len([at for at in left if start <= at < start + MOVES_WITHIN]) <= 3
