"""Who this gateway process is."""

from __future__ import annotations

import secrets
from pathlib import Path

from submariner_core.reconcile.election_identity import compose_identity

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def new_identity(hostname: str) -> str:
    """A holder string for this process alone: ``<hostname>_<boot id>_<random>``."""
    return compose_identity(hostname, BOOT_ID.read_text(encoding="ascii"), secrets.token_hex(4))
