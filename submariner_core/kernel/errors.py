"""What the kernel refused, in words, with the remedy where one is known."""

from __future__ import annotations

import errno as codes
import os

from submariner_core.api.errors import SubmarinerError
from submariner_core.api.network import Link, Vxlan, VxlanSettings, Xfrm

_REMEDIES = {
    codes.EPERM: "the process needs CAP_NET_ADMIN",
    codes.EACCES: "the process needs CAP_NET_ADMIN",
    codes.EROFS: (
        "mount the node's /proc/sys/net at /host/proc/sys/net, writable, as deploy/ does "
        "(or run the container privileged)"
    ),
    codes.EOPNOTSUPP: "this kernel lacks the feature: load its module or use another kernel",
    codes.EAFNOSUPPORT: "this kernel lacks the address family, or IPv6 is disabled",
    codes.ENODEV: "the device is gone; it must exist first",
    codes.ENETDOWN: "the device is down; set it up first",
    codes.ENETUNREACH: "the next hop is not reachable through a connected route",
    codes.EHOSTUNREACH: "the next hop is not reachable through a connected route",
    codes.EADDRNOTAVAIL: "the source address is on no device of this node",
    codes.ENOBUFS: "the kernel ran out of buffers; it is tried again",
    codes.ETIMEDOUT: "the kernel or the program did not answer in time; it is tried again",
}


class KernelError(SubmarinerError):
    """The kernel refused or failed an action on one object.

    ``object`` and ``action`` name it in words (``route 10.2.0.0/16 in table 100``, ``replace``),
    ``errno`` is the kernel's code, ``detail`` the kernel's own sentence where it gave one.
    """

    def __init__(self, object: str, action: str, errno: int, detail: str = "") -> None:  # noqa: A002
        self.object = object
        self.action = action
        self.errno = errno
        self.detail = detail
        name = codes.errorcode.get(errno, f"errno {errno}")
        words = os.strerror(errno)
        said = f": {detail}" if detail and detail != words else ""
        remedy = f"; {_REMEDIES[errno]}" if errno in _REMEDIES else ""
        super().__init__(f"cannot {action} {object}: {words} ({name}){said}{remedy}")


class LinkMismatch(KernelError):
    """A device of this name exists with other fixed settings, so it cannot be adopted.

    Move its traffic elsewhere, delete it, and ensure it again.
    """

    def __init__(self, found: Link, wanted: Vxlan | Xfrm) -> None:
        self.found = found
        self.wanted = wanted
        held = f"it has {_fixed(found)}, wanted {_fixed(wanted)}"
        remedy = "delete it once its traffic has moved"
        super().__init__(f"device {found.name}", "adopt", codes.EEXIST, f"{held}; {remedy}")


def _fixed(link: Link | Vxlan | Xfrm) -> str:
    """The settings of a device that cannot be changed."""
    match link:
        case Vxlan(settings=settings) | Link(vxlan=VxlanSettings() as settings):
            return str(settings)
        case Xfrm(if_id=int(if_id)) | Link(if_id=int(if_id)):
            return f"if_id {if_id}"
        case _:
            return f"kind {link.kind or 'unknown'!r}"
