"""Kernel settings under /proc/sys, and a journal from which they are put back.

In a container that is not privileged /proc/sys is read-only. What is there mounted at
:data:`MOUNTED` then takes the place of its ``net``.

Names are those of sysctl(8): ``net.ipv4.ip_forward``. If the first separator is a slash, slashes
separate and dots are literal, for devices with dots: ``net/ipv4/conf/eth0.5/rp_filter``.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import structlog

from submariner_core.kernel.errors import KernelError

ROOT = Path("/proc/sys")
MOUNTED = Path("/host/proc/sys/net")
"""Where ``deploy/`` mounts the node's /proc/sys/net: no runtime mounts anything below /proc.

Either way the settings are those of the network namespace of the process that opens them.
"""

log = structlog.get_logger("submariner.kernel")


class Journal:
    """The values that settings had before us, in a JSON file that survives a crash.

    ``{name: {"before": …, "ours": …}}``. However often we change a value of ours, the one that we
    found first is put back; one that somebody else (or a reboot) set meanwhile replaces it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> dict[str, dict[str, str]]:
        """What is remembered; nothing if there is no file. A damaged file counts as none."""
        try:
            held = json.loads(self.path.read_text("utf-8"))
            return {
                str(name): {"before": e["before"], "ours": e["ours"]} for name, e in held.items()
            }
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError, KeyError, OSError) as error:
            log.warning("sysctl journal unreadable", path=str(self.path), error=str(error))
            return {}

    def remember(self, name: str, before: str, ours: str) -> None:
        """Note that ``name`` is about to change from ``before`` to ``ours``."""
        entries = self.entries()
        known = entries.get(name)
        if known is not None and known["ours"] == before:
            before = known["before"]
        self._write({**entries, name: {"before": before, "ours": ours}})

    def restore(self) -> int:
        """Put back every value that is still ours, and forget them all; returns how many.

        A setting that somebody changed since, or that is gone, is left alone.
        """
        restored = 0
        for name, entry in self.entries().items():
            if entry["before"] != entry["ours"] and read(name) == entry["ours"]:
                restored += ensure(name, entry["before"])
        self.path.unlink(missing_ok=True)
        return restored

    def _write(self, entries: dict[str, dict[str, str]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_name(f"{self.path.name}.new")
        with scratch.open("w", encoding="utf-8") as file:
            json.dump(entries, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read(name: str) -> str | None:
    """The value, with single spaces between its words; ``None`` if there is no such setting."""
    try:
        return " ".join(_path(name).read_text("ascii").split())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise KernelError(f"sysctl {name}", "read", error.errno or errno.EIO) from error


def ensure(name: str, value: str, journal: Journal | None = None) -> bool:
    """Set the value where it differs, after ``journal`` has noted the old one. True if it did.

    Raises :class:`KernelError` (ENOENT) if there is no such setting: its device or module is
    absent.
    """
    before = read(name)
    if before is None:
        reason = "its device or module is absent"
        raise KernelError(f"sysctl {name}", f"set to {value!r}", errno.ENOENT, reason)
    if before == value:
        return False
    if journal is not None:
        journal.remember(name, before, value)
    try:
        _path(name).write_text(value, "ascii")
    except OSError as error:
        raise KernelError(
            f"sysctl {name}", f"set to {value!r}", error.errno or errno.EIO
        ) from error
    return True


def _path(name: str) -> Path:
    separator = next((letter for letter in name if letter in "./"), ".")
    literal = "/" if separator == "." else "."
    words = name.split(separator)
    # sysctl(8): the other separator stands for a literal dot
    parts = [word.replace(literal, ".") for word in words]
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError(f"{name!r} is no sysctl name")
    if parts[0] == "net" and MOUNTED.is_dir():
        return MOUNTED.joinpath(*parts[1:])
    return ROOT.joinpath(*parts)
