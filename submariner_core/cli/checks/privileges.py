"""The capabilities of this process: the daemons need the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from submariner_core.cli.checks.finding import Finding, Subject, error, ok

STATUS = Path("/proc/thread-self/status")
NEEDED = (
    ("CAP_NET_ADMIN", 12, "to program devices, routes and the packet filter"),
    ("CAP_NET_RAW", 13, "to send probes"),
)


async def capabilities(_: Subject) -> Sequence[Finding]:
    """Those in effect for this process."""
    held = effective(STATUS.read_text("ascii"))
    return [
        ok(name, "held")
        if held >> bit & 1
        else error(name, f"not held; it is needed {why}", "run as root, or grant it")
        for name, bit, why in NEEDED
    ]


def effective(status: str) -> int:
    """The effective capabilities in the text of a ``/proc/…/status``, as bits."""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return int(value, 16)
    return 0
