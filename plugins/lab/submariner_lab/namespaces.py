"""Network namespaces: made in batches, entered by threads, removed with all that runs in them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from submariner_lab.errors import LabError

RUN = Path("/run/netns")
SYSCTL = Path("/proc/sys")
CLONE_NEWNET = 0x40000000
COMMAND_TIMEOUT = 20.0

_T = TypeVar("_T")
_libc = ctypes.CDLL(None, use_errno=True)


def run(command: Sequence[str], text: str = "") -> str:
    """Run a short command with ``text`` on stdin; its stdout. Raises :class:`LabError`."""
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise LabError(
            f"{command[0]!r} is not installed: the lab needs ip (iproute2), nft (nftables),"
            " iptables-nft-restore (iptables) and unshare (util-linux)"
        ) from None
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(command)}: no end after {COMMAND_TIMEOUT:.0f} s") from None
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def batch(lines: Iterable[str], netns: str | None = None) -> None:
    """Run ``ip`` commands in one process, in ``netns`` or in our own namespace."""
    where = () if netns is None else ("-n", netns)
    run(("ip", *where, "-batch", "-"), "\n".join(lines) + "\n")


def nft(netns: str, ruleset: str) -> None:
    """Load a rule set in one transaction."""
    run(("ip", "netns", "exec", netns, "nft", "-f", "-"), ruleset)


def iptables(netns: str, tables: str) -> None:
    """Add what ``iptables-restore`` reads to the tables, by nftables."""
    run(("ip", "netns", "exec", netns, "iptables-nft-restore", "--noflush"), tables)


def inside(netns: str, call: Callable[[], _T]) -> _T:
    """The result of ``call`` in a thread of its own that has entered ``netns``.

    Sockets that it makes stay in that namespace; its /proc/sys/net is the namespace's.
    """
    outcome: list[_T] = []
    failure: list[BaseException] = []

    def enter() -> None:
        try:
            _enter(netns)
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failure.append(error)

    thread = threading.Thread(target=enter, name=f"netns {netns}")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def _enter(netns: str) -> None:
    with (RUN / netns).open() as handle:
        if _libc.setns(handle.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {netns}")


def set_sysctls(netns: str, values: Mapping[str, str]) -> None:
    """Write sysctls of a namespace; ``*`` in a name stands for every device."""

    def write() -> None:
        for name, value in values.items():
            for path in SYSCTL.glob(name.replace(".", "/")):
                path.write_text(value)

    inside(netns, write)


def names(prefix: str) -> tuple[str, ...]:
    """The named namespaces that start with ``prefix``."""
    if not RUN.is_dir():
        return ()
    return tuple(sorted(path.name for path in RUN.iterdir() if path.name.startswith(prefix)))


def processes(netns: Collection[str]) -> tuple[int, ...]:
    """Every process that is in one of these namespaces, by one walk over /proc."""
    inodes = set()
    for name in netns:
        with contextlib.suppress(FileNotFoundError):
            inodes.add((RUN / name).stat().st_ino)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "ns/net").stat().st_ino in inodes:
                    found.append(int(entry.name))
    return tuple(found)


def kill_all(netns: Collection[str], timeout: float = 5.0) -> None:
    """SIGKILL to every process in these namespaces, until none is left or time is up."""
    deadline = time.monotonic() + timeout
    while (found := processes(netns)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def remove(netns: Collection[str]) -> None:
    """Kill what runs in these namespaces and delete those that exist."""
    kill_all(netns)
    existing = [name for name in netns if (RUN / name).exists()]
    if existing:
        batch(f"netns del {name}" for name in existing)
