"""A store's file, opened when first needed: transactions, time-outs, and news of changes."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_local.sqlite import failure, schema
from submariner_local.sqlite.thread import SerialThread

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
_GRACE = 0.5
"""Seconds that a call may last beyond the wait for other processes' locks."""


class Database:
    """One connection, used in one thread only.

    ``counter`` is the query whose result changes with what :meth:`changed` is to tell.
    Nothing is touched before the first call, the first write makes a file that is not there, and
    one that went away or was replaced is opened anew. Every failure is a :class:`StoreError`;
    after a :class:`StoreUnavailable` a write may still have happened only if the message says
    "no answer".
    """

    def __init__(self, path: Path, timeout: float, counter: str = schema.RECORD_COUNTER) -> None:
        self.path = path
        self._timeout = timeout
        self._counter = counter
        self._thread = SerialThread(f"store-{path.name}", self._look)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._seen: tuple[int, int] | None = None
        self._counted: object = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._closed = False
        self.mark = 0
        """Rises with every change that was noticed; see :meth:`changed`."""

    async def read(self, work: Work[T]) -> T:
        """``work`` on one consistent state of the file."""
        return await self._call(lambda: self._transaction(READ, work))

    async def write(self, work: Work[T]) -> T:
        """``work`` in one write transaction: all of it is on disk on return, or none of it."""
        return await self._call(lambda: self._transaction(WRITE, work))

    async def changed(self, mark: int, ends: float | None) -> bool:
        """Wait until something changed since :attr:`mark` was ``mark``; False once it is ``ends``.

        ``ends`` is a time of the loop's clock, ``None`` for never. May return True for nothing.
        Take the mark, then read, then wait: nothing is missed.
        """
        changed = self._changed
        if self.mark != mark:
            return True
        self._loop = asyncio.get_running_loop()
        with self._thread.watched():
            try:
                async with asyncio.timeout_at(ends):
                    await changed.wait()
            except TimeoutError:
                return False
        return True

    async def close(self) -> None:
        """Release the file. May be called twice; nothing can be called after it."""
        if not self._closed:
            self._closed = True
            self._announce()
            try:
                with contextlib.suppress(TimeoutError):
                    await self._thread.call(self._drop, self._timeout)
            finally:
                self._thread.stop()

    async def _call(self, job: Callable[[], T]) -> T:
        if self._closed:
            raise StoreUnavailable(f"{self.path}: this store was closed")
        try:
            return await self._thread.call(job, self._timeout + _GRACE)
        except TimeoutError:
            raise StoreUnavailable(
                f"{self.path}: no answer from its disk within {self._timeout + _GRACE:g} s"
            ) from None

    # ---- in the thread

    def _transaction(self, begin: str, work: Work[T]) -> T:
        try:
            connection = self._open(makes=begin != READ)
            with schema.transaction(connection, begin):
                result = work(connection)
        except sqlite3.Error as error:
            if failure.needs_reopen(error):
                self._drop()
            raise failure.translate(error, self.path, self._timeout) from error
        except OSError as error:
            raise StoreUnavailable(f"{self.path}: {error.strerror or error}") from error
        except ValueError as error:
            raise StoreError(f"{self.path}: holds what no store wrote: {error}") from error
        return result

    def _open(self, *, makes: bool) -> sqlite3.Connection:
        """The connection to the file; a reader of a file that is not there reads nothing."""
        now = self._file_now()
        if self._connection is not None and (self._file != now or (makes and now is None)):
            self._drop()
        if self._connection is None:
            if self.path.is_dir():
                raise StoreError(f"{self.path}: a folder; the store needs the name of a file")
            if now is None and not makes and self.path.parent.is_dir():
                self._connection = schema.nothing(self.path)
            else:
                self._connection = schema.connect(self.path, self._timeout)
                now = self._file_now()
            self._file = now
        return self._connection

    def _drop(self) -> None:
        connection, self._connection, self._seen = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _file_now(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _look(self) -> None:
        """Whether SQLite saw commits of others or rows changed by ourselves; then count."""
        counted = self._counted
        try:
            if self._connection is not None and self._file != self._file_now():
                self._drop()
            if self._connection is not None:
                (version,) = self._connection.execute("PRAGMA data_version").fetchone()
                seen = (int(version), self._connection.total_changes)
                if seen != self._seen:
                    self._counted = self._connection.execute(self._counter).fetchone()
                    self._seen = seen
        except (sqlite3.Error, OSError):
            self._drop()
        # Without a connection whoever waits reads again, and gets a new one or the reason.
        if (self._counted != counted or self._connection is None) and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._announce)

    # ---- in the loop

    def _announce(self) -> None:
        self.mark += 1
        self._changed.set()
        self._changed = asyncio.Event()
