"""The capabilities of this process: what works on the node demands them, ``diagnose`` tells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from submariner_core.api.errors import SubmarinerError
from submariner_core.cli.checks.finding import Finding, Subject, error, ok

STATUS = Path("/proc/thread-self/status")
NET_ADMIN, NET_RAW = "CAP_NET_ADMIN", "CAP_NET_RAW"
NEEDED = (
    (NET_ADMIN, 12, "to program devices, routes and the packet filter"),
    (NET_RAW, 13, "to send probes"),
)


class NotPermitted(SubmarinerError):
    """This process lacks a capability without which it cannot do what it was started for."""


def demand(*names: str) -> None:
    """Raise :class:`NotPermitted` unless this process has these capabilities.

    Asked before anything is changed: what is then refused half-way would leave a node half made.
    """
    held = effective(STATUS.read_text("ascii"))
    missing = [
        f"{name} {why}" for name, bit, why in NEEDED if name in names and not held >> bit & 1
    ]
    if missing:
        raise NotPermitted(
            f"this process needs {' and '.join(missing)}: run it as root; in a container, "
            "add it to the capabilities, as deploy/ does"
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
