from __future__ import annotations

import pytest

from submariner_core.reconcile.evidence import Seen, evidence


@pytest.mark.parametrize(
    ("left", "taken", "words"),
    [
        (
            Seen(13, 99.69, 99.6),
            Seen(answered=99.988),
            "before: 13 misses in 310ms; after: answered 12ms ago",
        ),
        (Seen(answered=100.0), Seen(), "before: answered 0s ago; after: no answer yet"),
        (None, Seen(answered=98.5), "after: answered 1.5s ago"),
        (Seen(30, 40.0), None, "before: 30 misses in 1m0s"),
        (None, None, ""),
    ],
)
def test_what_was_seen_is_told_in_a_few_words(
    left: Seen | None, taken: Seen | None, words: str
) -> None:
    assert evidence(left, taken, 100.0) == words
