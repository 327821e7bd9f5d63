from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from submariner_lab.losses import judge

MS = 1_000_000


def sent(count: int) -> list[int]:
    return [n * MS for n in range(count)]


def test_a_flow_without_loss_has_no_outage() -> None:
    losses = judge(sent(100), range(100))
    assert (
        losses.sent, losses.received, losses.lost, losses.late, losses.duplicates, losses.outages,
    ) == (100, 100, 0, 0, 0, ())  # fmt: skip
    assert losses.outage == 0


def test_an_outage_lasts_from_the_first_lost_to_the_next_that_arrives() -> None:
    losses = judge(sent(100), [*range(40), *range(90, 100)])
    assert losses.lost == 50
    assert [(o.start, o.lost, o.duration) for o in losses.outages] == [(40 * MS, 50, 0.050)]


def test_a_path_that_stays_dead_is_lost_to_the_end() -> None:
    losses = judge(sent(101), range(40))
    assert losses.lost == 61
    assert losses.outage == 0.060


def test_what_was_sent_before_the_first_arrival_is_not_counted() -> None:
    losses = judge(sent(100), range(30, 100))
    assert (losses.sent, losses.lost) == (70, 0)


def test_nothing_received_is_all_lost() -> None:
    losses = judge(sent(50), [])
    assert (losses.received, losses.lost) == (0, 50)
    assert losses.outage > 0


def test_a_flow_that_never_sent_lost_nothing() -> None:
    assert judge([], []).lost == 0


def test_late_and_duplicate_datagrams_are_not_lost() -> None:
    losses = judge(sent(6), [0, 2, 1, 3, 3, 4, 5])
    assert (losses.lost, losses.late, losses.duplicates) == (0, 1, 1)


def test_the_longest_outage_is_the_outage() -> None:
    losses = judge(sent(30), [n for n in range(30) if n not in {3, 10, 11, 12}])
    assert (losses.lost, losses.outage) == (4, 0.003)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_every_datagram_is_either_received_or_lost_or_before_the_first(
    case: tuple[int, set[int]],
) -> None:
    count, arrived = case
    losses = judge(sent(count), sorted(arrived))
    assert losses.sent == losses.received + losses.lost
    assert losses.lost == sum(outage.lost for outage in losses.outages)
