"""What is said of a cluster's ranges, whichever command looks at them."""

from __future__ import annotations

from collections.abc import Iterable

from submariner_core.api.naming import IPNetwork


def unadvertised(ranges: Iterable[IPNetwork]) -> str:
    """Names the ranges that this release leaves out, those of IPv6; empty where there are none."""
    six = [str(cidr) for cidr in ranges if cidr.version == 6]
    words = "IPv6 is not end to end in this release: not advertised:"
    return f"{words} {', '.join(six)}" if six else ""
