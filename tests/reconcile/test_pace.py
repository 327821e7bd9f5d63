from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from submariner_core.reconcile.pace import CALM, Pace, budget_note, detection, keep_pace

BUDGET = 0.03
shares = st.lists(st.floats(0.0, 1.0), max_size=30)


def paced(*found: float) -> Pace:
    pace = Pace()
    for share in found:
        pace = keep_pace(pace, share, BUDGET)
    return pace


def test_probing_within_its_budget_is_as_fast_as_asked() -> None:
    assert paced(0.01, BUDGET, 0.0) == Pace()


def test_probing_beyond_its_budget_widens_by_as_much() -> None:
    pace = paced(0.09)
    assert (round(pace.widening, 6), pace.told) == (3.0, 4.0)
    assert detection(0.1, 3, pace) == 1.6
    # the same number of probes at a third of the pace costs what it may: nothing changes
    assert paced(0.09, BUDGET) == pace


def test_what_is_told_rests_while_the_load_wavers() -> None:
    pace = paced(0.09)
    for share in (0.026, 0.034, 0.028, 0.033):
        pace = keep_pace(pace, share, BUDGET)
        assert pace.told == 4.0


def test_a_hair_more_than_the_budget_is_not_worth_telling() -> None:
    assert paced(1.2 * BUDGET).told == 1.0
    assert budget_note(paced(1.2 * BUDGET), BUDGET, 0.4) == ""


def test_fewer_targets_bring_the_pace_back() -> None:
    assert paced(0.09, 0.001) == Pace()


def test_the_note_says_which_detection_time_that_gives() -> None:
    assert budget_note(paced(0.09), BUDGET, 1.6) == (
        "probing keeps to 3% of a core: intervals are up to 4 times as long, and a path that is"
        " down is noticed after 1.6 s"
    )
    assert budget_note(Pace(), BUDGET, 0.4) == ""


@given(shares)
def test_whatever_it_costs_probing_goes_on_and_what_is_told_is_near_the_truth(
    found: list[float],
) -> None:
    pace = paced(*found)
    assert pace.widening >= 1.0
    assert pace.told >= 1.0
    assert pace.widening <= pace.told or (pace.told == 1.0 and pace.widening <= 1.25)
    assert pace.told == 1.0 or pace.widening > pace.told * CALM


@given(shares)
def test_a_load_that_stays_is_measured_once(found: list[float]) -> None:
    """Never in waves: what one second has shown is right for the next."""
    pace = paced(*found)
    assert keep_pace(pace, BUDGET, BUDGET) == pace
