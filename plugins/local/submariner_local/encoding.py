"""The one JSON text of a value, equal values giving equal texts; and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

DEEPEST = 100
"""Levels of nesting that a stored object may have: any reader can take it, whatever its stack."""


def encode(value: object) -> str:
    """``value`` as compact JSON with sorted keys; any mapping counts as an object.

    Raises ``ValueError`` for what JSON cannot say: other types, NaN, or no end of nesting.
    """
    try:
        return json.dumps(
            value, default=_plain, sort_keys=True, separators=(",", ":"), allow_nan=False
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def encode_object(value: Mapping[str, object]) -> str:
    """As :func:`encode`, for what is stored; ``ValueError`` also for too much nesting."""
    text = encode(value)
    if _is_deep(value):
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    return text


def decode_object(text: str) -> dict[str, Any]:
    """What :func:`encode_object` made into text. Raises ``ValueError`` for anything else."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("nested without end") from None
    if not isinstance(value, dict):
        raise ValueError(f"an object, not {type(value).__name__}")  # noqa: TRY004 - from outside
    if _is_deep(value):
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    return value


def _is_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, (list, tuple)) else ()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} {value!r}")
