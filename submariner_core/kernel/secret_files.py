"""The file of the secret that all gateways of a cluster set share."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

from submariner_core.api.errors import CableError

_REMEDY = "put the secret of the cluster set there"


def read_psk(path: Path, option: str) -> str:
    """The PSK that upstream makes of a file: the base64 of its octets, as a text.

    Raises :class:`CableError`, which begins with ``option``, for a file that cannot be read, holds
    nothing, or may be written by everybody.
    """
    try:
        octets = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        raise CableError(f"{option}: {path} {reason}: {_REMEDY}") from None
    if not octets.strip():
        raise CableError(f"{option}: {path} is empty: {_REMEDY}")
    if mode & stat.S_IWOTH:
        raise CableError(f"{option}: everybody can write to {path}: chmod o-w {os.fspath(path)}")
    return base64.b64encode(octets).decode("ascii")
