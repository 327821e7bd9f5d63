"""Whether daemons of this host run, and keeping them from starting meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from submariner_core.api.errors import ConfigError, SubmarinerError
from submariner_core.config import Settings
from submariner_core.daemon.lock import GATEWAY, ROUTE_AGENT, HostLock, lock_path
from submariner_core.engine.control import SOCKET

PATIENCE = 2.0
"""Seconds for a daemon that is just ending."""


class StillRunning(SubmarinerError):
    """A daemon of this host would put back what is removed."""


@contextlib.asynccontextmanager
async def nothing_runs(settings: Settings, *, force: bool) -> AsyncIterator[None]:
    """No daemon of this host runs, and none can start meanwhile.

    Raises :class:`StillRunning` otherwise, unless ``force``. The locks and what a killed gateway
    left beside them go at the end, and the state folder too if nothing else is in it.
    """
    folder = settings.state_dir
    with contextlib.ExitStack() as undo:
        undo.callback(_remove_empty, folder)
        for role, left in ((ROUTE_AGENT, ()), (GATEWAY, (folder / SOCKET,))):
            path = lock_path(folder, role)
            lock = HostLock(path)
            if await _acquired(lock):
                undo.callback(_release, lock, (*left, path))
            elif not force:
                raise StillRunning(
                    f"a {role} of this host runs (it holds {path}) and would put everything back: "
                    "stop it first, or give --force"
                )
        yield


async def _acquired(lock: HostLock) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await lock.wait()
    except TimeoutError:
        return False
    except OSError as error:
        raise ConfigError(f"state_dir: {error.filename}: {error.strerror}; run as root") from error
    return True


def _release(lock: HostLock, left: Iterable[Path]) -> None:
    for file in left:
        file.unlink(missing_ok=True)
    lock.release()


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # something else is in it
        folder.rmdir()
