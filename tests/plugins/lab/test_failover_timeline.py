"""Packets counted over time."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from submariner_lab.failover.timeline import BIN, bins, columns, ticks

FAULT = 5_000_000_000
MS = 1_000_000


def arrivals(*milliseconds: float) -> list[int]:
    return [FAULT + round(at * MS) for at in milliseconds]


def test_packets_are_counted_by_the_bin_they_arrive_in() -> None:
    found = bins(arrivals(-10, -0.5, 0, 9.9, 10, 25), FAULT, -0.01, 0.03)
    assert found == [2, 2, 1, 1]


def test_what_arrives_outside_the_window_is_not_counted() -> None:
    assert bins(arrivals(-20, 31, 1e6), FAULT, -0.01, 0.03) == [0, 0, 0, 0]


def test_an_empty_bin_shows_however_many_stand_together() -> None:
    steady = [at for at in range(10_000) if not 5_000 <= at < 5_010]
    found = columns(arrivals(*steady), FAULT, 0.0, 10.0, 100)
    assert len(found) == 100
    assert [column.least for column in found].count(0) == 1
    assert {column.most for column in found} == {10}


@given(
    at=st.lists(st.integers(-2_000, 60_000)),
    end=st.floats(0.02, 50.0),
    most=st.integers(1, 1000),
)
def test_columns_cover_the_window_without_gaps(at: list[int], end: float, most: int) -> None:
    found = columns(arrivals(*at), FAULT, -0.5, end, most)
    assert 1 <= len(found) <= most
    assert found[0].begin == -0.5
    assert end <= found[-1].end + 1e-6 < end + 2 * BIN
    for column, following in itertools.pairwise(found):
        assert abs(column.end - following.begin) < 1e-9
    assert all(0 <= column.least <= column.most for column in found)


@given(start=st.floats(-1.0, -0.1), length=st.floats(0.2, 200.0))
def test_ticks_are_few_and_zero_is_one_of_them(start: float, length: float) -> None:
    found = list(ticks(start, start + length))
    assert 1 <= len(found) <= 13
    if start + length >= 0:
        assert 0.0 in found
