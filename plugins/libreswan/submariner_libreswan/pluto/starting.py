"""How a pluto of ours is started, and the host's is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from submariner_core.api.errors import CableError
from submariner_libreswan import process
from submariner_libreswan.pluto import files
from submariner_libreswan.pluto.whack import Whack, program

TIMEOUT = 15.0
_POLL = 0.05


async def begin(places: files.Places, whack: Whack, prefix: Sequence[str]) -> int:
    """Start one where none runs, and wait until it answers; its process id.

    Socket and lock of a dead one, which it would take for those of a living one, are removed
    first. Raises :class:`CableError` with pluto's own words.
    """
    for path in (places.socket, places.pid):
        path.unlink(missing_ok=True)
    log = places.log or places.folder / "pluto.log"
    pid = await process.spawn((*prefix, program("pluto"), *files.command(places)), log)
    deadline = time.monotonic() + TIMEOUT
    while not await whack.lives():
        if not process.alive(pid) or time.monotonic() > deadline:
            raise CableError(_why(log))
        await asyncio.sleep(_POLL)
    return pid


async def found(places: files.Places, whack: Whack) -> None:
    """Wait for the host's pluto. Raises :class:`CableError` where it does not come."""
    deadline = time.monotonic() + TIMEOUT
    while not await whack.lives():
        if time.monotonic() > deadline:
            raise CableError(
                f"daemon libreswan: no pluto listens at {places.socket}: start it "
                "(systemctl start ipsec), or set options.libreswan.manage_daemon: true"
            )
        await asyncio.sleep(_POLL * 10)
    places.folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _why(log: Path) -> str:
    said = process.last_words(log)
    if "not found" in said:
        return (
            "daemon libreswan: pluto is not installed: apt-get install libreswan, or set "
            "options.libreswan.daemon: strongswan"
        )
    return f"daemon libreswan: pluto did not start: {said or 'it said nothing'}"
