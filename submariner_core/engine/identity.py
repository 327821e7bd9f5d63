"""Who this gateway process is, and that it is the only one on its host."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
from pathlib import Path

from submariner_core.api.errors import ConfigError
from submariner_core.reconcile.election_identity import compose_identity

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LOCK_PATIENCE = 10.0
"""Seconds that an earlier process may take to end."""
LOOK_AGAIN = 0.05
"""Seconds between two tries for a lock that an exiting process still holds."""


def new_identity(hostname: str) -> str:
    """A holder string for this process alone: ``<hostname>_<boot id>_<random>``."""
    return compose_identity(hostname, BOOT_ID.read_text(encoding="ascii"), secrets.token_hex(4))


class HostLock:
    """An exclusive lock on a file of this host, held until :meth:`release` or the process ends.

    Whoever holds it knows that every earlier gateway process of this host is gone, and may
    reclaim its lease. The kernel lets go of the lock when the process dies, however it dies;
    programs started by this process do not inherit it.
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


async def lock_host(folder: Path) -> HostLock:
    """The lock of the gateway whose state is in ``folder``, which is made if it is not there.

    Raises :class:`ConfigError` if another process keeps it, or there is no writing there.
    """
    lock = HostLock(folder / "gateway.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with asyncio.timeout(LOCK_PATIENCE):
            await lock.wait()
    except TimeoutError:
        raise ConfigError(
            f"state_dir: another gateway of this host holds {folder / 'gateway.lock'}: "
            "stop it, or give each a state_dir of its own"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"state_dir: {folder}: {error.strerror}; run as root or choose another folder"
        ) from error
    return lock
