"""Go's notation of durations (``1.5ms``, ``1h0m0s``), as ``submariner.io/v1`` writes them."""

from __future__ import annotations

import re

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # micro sign
    "μs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_MAX = 2**63 - 1
_MAX_LENGTH = 64


def parse_duration(text: str) -> int:
    """Nanoseconds of ``text``. Raises ``ValueError`` for what Go would not read either."""
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return 0
    if not body or len(body) > _MAX_LENGTH:
        raise ValueError("not a duration such as 1.5ms")
    total = position = 0
    while position < len(body):
        part = _PART.match(body, position)
        if part is None or not (part[1] or part[2]):
            raise ValueError("not a duration such as 1.5ms")
        unit = _UNITS[part[3]]
        fraction = part[2] or ""
        total += int(part[1] or "0") * unit
        total += int(fraction or "0") * unit // 10 ** len(fraction)
        position = part.end()
    if total > _MAX:
        raise ValueError("a duration of more than 63 bits of nanoseconds")
    return -total if text[0] == "-" else total


def format_duration(nanoseconds: int) -> str:
    """``nanoseconds`` as Go prints them; :func:`parse_duration` reads them back exactly."""
    sign, value = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if value == 0:
        return "0s"
    if value < _UNITS["us"]:
        return f"{sign}{value}ns"
    if value < _UNITS["ms"]:
        return f"{sign}{_decimal(value, 3)}µs"
    if value < _UNITS["s"]:
        return f"{sign}{_decimal(value, 6)}ms"
    minutes, rest = divmod(value, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(value: int, digits: int) -> str:
    """``value`` / 10**digits without trailing zeros."""
    whole, fraction = divmod(value, 10**digits)
    return f"{whole}.{fraction:0{digits}d}".rstrip("0") if fraction else str(whole)
