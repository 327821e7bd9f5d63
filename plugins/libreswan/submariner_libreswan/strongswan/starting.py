"""A charon of our own: found, started, replaced, ended; never two of them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from submariner_core.api.errors import CableError
from submariner_libreswan import process
from submariner_libreswan.daemon import Terms
from submariner_libreswan.strongswan.files import configuration
from submariner_libreswan.strongswan.session import Session

PROGRAMS = ("charon-systemd",)
START_TIMEOUT = 10.0
_POLL = 0.01
_SOCKET_LENGTH = 100
"""Octets that a Unix socket's path may have, with some to spare."""

log = structlog.get_logger("submariner.libreswan")


class OwnCharon:
    """A charon with all its files in ``folder``.

    It has a session of its own and outlives this process, whose successor finds it by its socket.
    It holds a lock as long as it lives: while it starts, and has no socket yet, no second one is
    started beside it.
    """

    def __init__(self, folder: Path, log_file: Path | None, program: Sequence[str] = ()) -> None:
        self._folder = folder
        self._program = tuple(program)
        self.socket = folder / "charon.vici"
        self._own_log = folder / "charon.log"
        self._log = log_file or self._own_log
        self._conf = folder / "strongswan.conf"
        self._lock = folder / "charon.lock"

    def fits(self, terms: Terms) -> bool:
        """Whether the one that runs was started on such terms."""
        try:
            return self._conf.read_text("utf-8") == self._text(terms)
        except OSError:
            return False

    async def begin(self, terms: Terms) -> Session:
        """A session with the one that runs, or with a new one if it was set up otherwise.

        Raises :class:`CableError` with charon's own words if it does not start.
        """
        if len(str(self.socket).encode()) > _SOCKET_LENGTH:
            raise CableError(
                f"{self.socket}: too long for a socket's path: set state_dir to a shorter one"
            )
        if set(str(self._folder)) & set('"\\\n\r'):
            raise CableError(
                f"{str(self._folder)!r}: a folder with a quote, a line break or '\\' in its name "
                "cannot stand in charon's settings: set state_dir to another"
            )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (session := await Session.begin(self.socket)) is not None:
            if self.fits(terms):
                return session
            log.warning("daemon-replaced", daemon="charon", reason="its settings changed")
            await self._end(session)
        with self._locked() as lock:
            if lock is None:
                return await self._answers(None)
            return await self._start(terms, lock)

    async def stop(self) -> None:
        """End the one that runs, and remove its files."""
        if (session := await Session.begin(self.socket)) is not None:
            await self._end(session)
        for path in (self._conf, self.socket, self._own_log, self._lock):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._folder.rmdir()  # what somebody else put there stays

    def _text(self, terms: Terms) -> str:
        return configuration(terms.port, terms.plane, self.socket, self._log, debug=terms.debug)

    @staticmethod
    async def _end(session: Session) -> None:
        pid = session.pid
        await session.close()
        await process.end(pid)

    async def _start(self, terms: Terms, lock: int) -> Session:
        program = self._program or tuple(filter(None, [process.find(*PROGRAMS)]))
        if not program:
            raise CableError(
                "daemon strongswan: charon-systemd is not installed: apt-get install "
                "charon-systemd libcharon-extra-plugins libstrongswan-standard-plugins "
                "libstrongswan-extra-plugins, or set options.libreswan.daemon: libreswan"
            )
        process.refuse_taken(terms.port)
        self.socket.unlink(missing_ok=True)
        try:
            self._conf.write_text(self._text(terms), "utf-8")
            said_before = self._log.stat().st_size if self._log.exists() else 0
        except OSError as error:
            raise CableError(
                f"{error.filename} cannot be written ({error.strerror}): set state_dir, or "
                "options.libreswan.log_file, to where this process may write"
            ) from None
        environ = {"STRONGSWAN_CONF": str(self._conf)}
        pid = await process.spawn(program, self._log, environ, keep=lock)
        session = await self._answers(pid, said_before)
        log.info("daemon-started", daemon="charon", pid=pid)
        return session

    async def _answers(self, pid: int | None, said_before: int = 0) -> Session:
        deadline = time.monotonic() + START_TIMEOUT
        while (session := await Session.begin(self.socket)) is None:
            ended = pid is not None and not process.alive(pid)
            if ended or time.monotonic() > deadline:
                said = process.last_words(self._log, begin=said_before)
                raise CableError(
                    f"daemon strongswan: charon did not start: {said or 'it said nothing'}"
                )
            await asyncio.sleep(_POLL)
        return session

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int | None]:
        """The lock's file, to be handed on; ``None`` where a charon holds it."""
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            yield None
            return
        try:
            yield handle
        finally:
            os.close(handle)
