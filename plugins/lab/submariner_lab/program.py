"""The ``submariner`` command."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from submariner_lab.errors import LabError


def program() -> str:
    """The ``submariner`` command of this very installation."""
    beside = Path(sys.executable).with_name("submariner")
    found = str(beside) if beside.exists() else shutil.which("submariner")
    if found is None:
        raise LabError("no `submariner` command beside this Python: pip install submariner-core")
    return found
