"""Go's notion of a boolean: how upstream writes them in its settings and Endpoints."""

from __future__ import annotations

from collections.abc import Mapping

_TRUE = frozenset({"1", "t", "T", "true", "True", "TRUE"})
_FALSE = frozenset({"0", "f", "F", "false", "False", "FALSE"})


def read_flag(value: str) -> bool:
    """The boolean that a text stands for. Raises ``ValueError`` for what is none."""
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise ValueError("must be true or false")


def is_set(config: Mapping[str, str], key: str) -> bool:
    """Whether ``config`` says true under ``key``; what a peer wrote and is no boolean does not."""
    return config.get(key, "") in _TRUE
