"""One gateway per host, whatever happens to the lock's file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from submariner_core.engine.identity import HostLock


async def test_a_lock_on_a_removed_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    cleaning, waiting = HostLock(path), HostLock(path)
    assert cleaning.acquire()
    waiter = asyncio.create_task(waiting.wait())
    await asyncio.sleep(0)
    path.unlink()
    cleaning.release()
    async with asyncio.timeout(5):
        await waiter
    assert path.exists()
    assert not HostLock(path).acquire()
    waiting.release()
