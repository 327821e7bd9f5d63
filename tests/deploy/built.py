"""The images that ``.ci/image`` builds."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/image"


def image(variant: str) -> Path:
    """The root file system of an image of these very sources; skips if none was built."""
    done = _find()
    if done.returncode:
        pytest.skip(done.stderr.strip())
    return Path(done.stdout.strip(), variant)


@functools.cache
def _find() -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, "--find"], capture_output=True, text=True, check=False)
