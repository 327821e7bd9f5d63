"""Core files of processes that hold keys: none."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

_CONTENTS = Path("/proc/self/coredump_filter")


def forbid_core_files() -> None:
    """No core file of this process or of a daemon it starts: keys would be in it.

    Where a program of the host's takes core files, the kernel asks no limit; what it hands over
    holds no memory then.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    with contextlib.suppress(OSError):  # a kernel that writes no core files has no such file
        _CONTENTS.write_text("0")
