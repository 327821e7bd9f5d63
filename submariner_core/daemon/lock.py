"""That a daemon is the only one of its role on its host."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from submariner_core.api.errors import ConfigError

GATEWAY, ROUTE_AGENT = "gateway", "route agent"
PATIENCE = 10.0
"""Seconds that an earlier process may take to end."""
LOOK_AGAIN = 0.05
"""Seconds between two tries for a lock that an exiting process still holds."""


class HostLock:
    """An exclusive lock on a file of this host, held until :meth:`release` or the process ends.

    Whoever holds it knows that every earlier process of this role is gone from this host (a
    gateway may reclaim its lease then). The kernel lets go of the lock when the process dies,
    however it dies; programs started by this process do not inherit it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this process holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Take the lock if it is free; ``False`` while another process has it. Never blocks.

        Raises ``OSError`` when the file cannot be made.
        """
        if self._descriptor is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        if not self._in_place(descriptor):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def _in_place(self, descriptor: int) -> bool:
        """Whether the locked file is still the one at our path: clean-up removes it."""
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    async def wait(self) -> None:
        """Take the lock as soon as its holder is gone. Bound it with ``asyncio.timeout``."""
        while not self.acquire():  # noqa: ASYNC110 - the kernel tells nobody of a lock let go
            await asyncio.sleep(LOOK_AGAIN)

    def release(self) -> None:
        """Let go. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


async def lock_host(folder: Path, role: str) -> HostLock:
    """The lock of this host's ``role`` (``gateway``), with its state in ``folder``, which is made.

    Raises :class:`ConfigError` if another process keeps it, or there is no writing there.
    """
    path = lock_path(folder, role)
    lock = HostLock(path)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with asyncio.timeout(PATIENCE):
            await lock.wait()
    except TimeoutError:
        raise ConfigError(
            f"state_dir: another {role} of this host holds {path}: "
            "stop it, or give each a state_dir of its own"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"state_dir: {folder}: {error.strerror}; run as root or choose another folder"
        ) from error
    return lock


def lock_path(folder: Path, role: str) -> Path:
    """Where the lock of a role is, in the folder of its state."""
    return folder / f"{role.replace(' ', '-')}.lock"
