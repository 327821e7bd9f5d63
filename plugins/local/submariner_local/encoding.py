"""The one JSON text of a value: equal values give equal texts."""

from __future__ import annotations

import json
from collections.abc import Mapping


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


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} {value!r}")
