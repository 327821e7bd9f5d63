"""The IPsec daemons in tests: the words that run one, and the marks of what needs one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from submariner_lab import ipsec

PREFIX = ("unshare", "--mount", "--propagation", "private", *ipsec.entry())
"""Before any command, also after ``ip netns exec``: it finds charon and pluto as if installed."""

PLUTO = Path("/usr/libexec/ipsec/pluto")

needs_charon = pytest.mark.skipif(
    not (ipsec.UNPACKED / "strongswan").is_dir() and shutil.which("charon-systemd") is None,
    reason="there is no charon-systemd here: .ci/ipsec says why",
)
needs_pluto = pytest.mark.skipif(
    not (ipsec.UNPACKED / "libreswan").is_dir() and not PLUTO.exists(),
    reason="there is no pluto here: .ci/ipsec says why",
)
