from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.reconcile.election_timings import Timings

seconds = st.floats(min_value=0.01, max_value=1000.0)


@given(st.lists(seconds, min_size=3, max_size=3, unique=True), st.integers(1, 10))
def test_a_holder_stops_writing_before_its_lease_expires_however_wide_it_is(
    times: list[float], stretch: int
) -> None:
    retry, deadline, duration = sorted(times)
    if not retry < deadline < duration:
        return
    timings = Timings(duration, deadline, retry)
    recorded = duration * stretch
    assert 0 < timings.deadline(recorded) < recorded


@pytest.mark.parametrize(
    ("duration", "deadline", "retry"),
    [(3, 3, 0.5), (3, 2, 2), (2, 3, 1), (3, 2, 0), (math.inf, 2, 1), (math.nan, 2, 1)],
)
def test_timings_that_would_not_be_safe_are_refused(
    duration: float, deadline: float, retry: float
) -> None:
    with pytest.raises(ValueError, match="must rise from retry_period"):
        Timings(duration, deadline, retry)


@pytest.mark.parametrize(
    ("took", "stretch"), [(0.0, 1), (0.24, 1), (0.25, 2), (0.6, 3), (1.0, 5), (60.0, 5)]
)
def test_an_answer_takes_at_most_half_of_the_time_that_its_stretch_allows(
    took: float, stretch: int
) -> None:
    assert Timings().stretch_for(took) == stretch
    if stretch < Timings().widest:
        assert Timings().timeout(stretch) >= 2 * took


@pytest.mark.parametrize("duration", [0.0, -1.0, 1e300, math.inf, math.nan])
def test_a_recorded_duration_that_makes_no_sense_counts_as_our_own(duration: float) -> None:
    assert Timings().recorded(duration) == 3.0
