"""UDP ports: free, or ours."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from submariner_core.api.network import Link
from submariner_core.cli.checks.finding import Finding, Subject, error, ok
from submariner_core.reconcile.routing import OVERLAY_DEVICE

OVERLAY_PORT = 4800
DEFAULT_CABLE_PORT = 4500


async def udp_ports(subject: Subject) -> Sequence[Finding]:
    """The overlay's and the cables' ports are free, or used by devices of ours."""
    cables = subject.loaded.cable_ports() if subject.loaded is not None else (DEFAULT_CABLE_PORT,)
    own = {OVERLAY_DEVICE, *await subject.cable_devices()}
    listening = {
        link.vxlan.port: link
        for link in await subject.kernel.links.list()
        if link.vxlan is not None
    }
    stand = cables if await subject.cables_stand() else ()
    return [_port(port, listening, own, stand) for port in (OVERLAY_PORT, *cables)]


def _port(
    port: int, listening: Mapping[int, Link], own: set[str], stand: Collection[int]
) -> Finding:
    check = f"UDP port {port}"
    link = listening.get(port)
    if link is not None and link.name in own:
        return ok(check, f"ours: {link.name}")
    if link is not None:
        remedy = f"choose another port, or remove {link.name} if nothing needs it"
        return error(check, f"in use by the device {link.name}", remedy)
    if _is_free(port):
        return ok(check, "free")
    user = user_of(port)
    if port in stand:  # WireGuard's in the kernel, and daemons, cannot be told from others' by it
        return ok(check, f"in use by {user}, and a gateway's cables stand here")
    return error(check, f"in use by {user}", "choose another port, or stop what uses it")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError as reason:
            if reason.errno in {errno.EADDRINUSE, errno.EACCES}:
                return reason.errno == errno.EACCES
            raise
    return True


def user_of(port: int) -> str:
    """The process that has a UDP port, as far as this process may see it."""
    sockets = {f"socket:[{inode}]" for number, inode in _sockets() if number == port}
    for process in Path("/proc").glob("[0-9]*"):
        if sockets & set(_open_files(process)):
            with contextlib.suppress(OSError):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
    return "somebody (the kernel, or a process that cannot be seen from here)"


def _open_files(process: Path) -> Iterator[str]:
    """What a process has open; nothing of one that ended, or is not ours to look at."""
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                yield str(descriptor.readlink())


def _sockets() -> Iterator[tuple[int, str]]:
    """Port and inode of every UDP socket of this network namespace."""
    for table in ("udp", "udp6"):
        path = Path("/proc/thread-self/net", table)
        for line in path.read_text("ascii").splitlines()[1:] if path.exists() else ():
            words = line.split()
            yield int(words[1].rpartition(":")[2], 16), words[9]
