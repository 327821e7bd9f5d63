"""Go durations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from submariner_core.api.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (388_079, "388.079µs"),
        (1_200_000, "1.2ms"),
        (999_999_999, "999.999999ms"),
        (1_000_000_000, "1s"),
        (61_500_000_000, "1m1.5s"),
        (3_600_000_000_000, "1h0m0s"),
        (-1_500, "-1.5µs"),
    ],
)
def test_nanoseconds_are_written_as_go_prints_them(nanoseconds: int, text: str) -> None:
    assert text == format_duration(nanoseconds)
    assert nanoseconds == parse_duration(text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("+1us", 1000),
        ("1μs", 1000),
        (".5s", 500_000_000),
        ("1.s", 10**9),
        ("90m", 54 * 10**11),
    ],
)
def test_other_spellings_are_read(text: str, nanoseconds: int) -> None:
    assert nanoseconds == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "-", "1", ".s", "1 s", "1d", "１s", "9" * 60 + "h", "s" * 99]
)
def test_what_go_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_every_duration_survives_a_round_trip(nanoseconds: int) -> None:
    assert nanoseconds == parse_duration(format_duration(nanoseconds))


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_duration(text)
    except ValueError:
        return
    assert text
