"""The implementations of WireGuard that labs run."""

from __future__ import annotations

import os
import shutil

import pytest

IMPLEMENTATIONS = ("userspace", pytest.param("kernel", marks=pytest.mark.kernel))
"""To parametrize with."""


def chosen(implementation: str) -> dict[str, dict[str, object]]:
    """Options of a lab with it; skips where this machine lacks what it takes."""
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces: run as root")
    if implementation == "userspace" and shutil.which("wireguard-go") is None:
        pytest.skip("the program 'wireguard-go' is absent: apt-get install wireguard-go")
    return {"wireguard": {"implementation": implementation}}
