"""Whether the node forwards, and lets pass what comes back by another way than it went."""

from __future__ import annotations

from collections.abc import Sequence

from submariner_core.cli.checks import place
from submariner_core.cli.checks.finding import Finding, Subject, error, ok, warning
from submariner_core.kernel import sysctl

STRICT = 1
PUT_BACK = "the route agent sets this: see whether it runs, and what puts it back (/etc/sysctl.d?)"
NOT_YET = "the route agent sets this when it starts"


async def ip_forward(subject: Subject) -> Sequence[Finding]:
    """``net.ipv4.ip_forward``."""
    check = "ip_forward"
    if sysctl.read("net.ipv4.ip_forward") == "1":
        return [ok(check, "on")]
    if await subject.overlay_stands():
        return [error(check, "off: this node passes nothing on", PUT_BACK)]
    return [warning(check, "off", NOT_YET)]


async def rp_filter(subject: Subject) -> Sequence[Finding]:
    """The source check of every device at which cross-cluster packets arrive."""
    check = "rp_filter"
    devices = await _arrivals(subject)
    strict = [device for device in devices if source_check(device) == STRICT]
    if not strict:
        return [ok(check, f"not strict on {', '.join(devices) or 'any device'}")]
    detail = f"strict on {', '.join(strict)}: packets from other clusters are dropped there"
    if await subject.overlay_stands():
        return [error(check, detail, PUT_BACK)]
    return [warning(check, detail, NOT_YET)]


def source_check(device: str) -> int:
    """The value in force: the higher one of the device's and that of ``all``."""
    values = [sysctl.read(f"net/ipv4/conf/{one}/rp_filter") for one in ("all", device)]
    return max(int(value or 0) for value in values)


async def _arrivals(subject: Subject) -> tuple[str, ...]:
    below, cni = await place.underlay(subject), await place.cni(subject)
    found = (below, cni.device if cni is not None else None, *await subject.own_devices())
    return tuple(dict.fromkeys(device for device in found if device is not None))
