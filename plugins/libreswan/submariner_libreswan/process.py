"""Daemons that live apart from this process: started, found, ended by pid."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from submariner_core.api.errors import CableError
from submariner_core.kernel.core_files import forbid_core_files

_SYSTEM = "/usr/sbin:/usr/lib/ipsec:/usr/libexec/ipsec:/usr/sbin:/sbin"
"""Where packages put IKE daemons, which is on nobody's PATH."""
_START = 'echo $$; exec "$0" "$@" >>"$LOG" 2>&1'
_TIMEOUT = 10.0
_POLL = 0.02


def find(*names: str) -> str | None:
    """The first of these programs that is installed."""
    for name in names:
        if found := shutil.which(name) or shutil.which(name, path=_SYSTEM):
            return found
    return None


async def spawn(
    command: Sequence[str],
    log: Path,
    environ: Mapping[str, str] | None = None,
    keep: int | None = None,
) -> int:
    """Start a program in a session of its own, with init for a parent; its process id.

    It gets no more of our environment than the PATH: there may be secrets in it. What it says
    goes to ``log``. No core file of it is written: keys would be in it. ``keep`` is a file that
    it holds open as long as it lives.
    """
    forbid_core_files()
    starter = await asyncio.create_subprocess_exec(
        *("setsid", "--fork", "sh", "-c", _START),
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath), "LOG": str(log), **(environ or {})},
        cwd="/",
        pass_fds=() if keep is None else (keep,),
    )
    try:
        async with asyncio.timeout(_TIMEOUT):
            said, _ = await starter.communicate()
    except TimeoutError:
        starter.kill()
        await starter.wait()
        raise CableError(f"{command[0]} did not start in {_TIMEOUT:.0f} s") from None
    return int(said or b"0")


def alive(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] not in {"Z", "X"}


async def end(pid: int, timeout: float = _TIMEOUT, *, soft: bool = True) -> None:
    """SIGTERM, and SIGKILL where that does not do in time; until it has ended.

    Not ``soft``: it was asked in other words already, and gets time, but no SIGTERM.
    """
    for number in (signal.SIGTERM if soft else 0, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while alive(pid):  # noqa: ASYNC110 - it is no child of ours
                    await asyncio.sleep(_POLL)
                return
    raise CableError(f"process {pid} does not end, not even by SIGKILL")


def refuse_taken(port: int) -> None:
    """Raise :class:`CableError` where somebody has this UDP port already."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError as error:
            raise CableError(
                f"libreswan: UDP port {port} is taken on this node ({error.strerror}): end the "
                "IKE daemon that has it (or use it: manage_daemon: false), or set "
                "options.libreswan.port to a free one at all gateways"
            ) from None


def last_words(log: Path, lines: int = 3, *, begin: int = 0) -> str:
    """The end of a log, for an error; what stands before octet ``begin`` is older."""
    try:
        text = log.read_bytes()[begin:].decode("utf-8", "replace")
    except OSError:
        return ""
    return "; ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())
