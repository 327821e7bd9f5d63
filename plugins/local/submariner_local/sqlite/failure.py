"""SQLite's errors in the words of the contract."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from submariner_core.api.errors import StoreError, StoreUnavailable

# What each result code means to the operator, and whether trying again may help by itself.
_MEANING: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (
        StoreUnavailable,
        "another process held the database for more than {timeout:g} s (see: fuser -v {path})",
    ),
    sqlite3.SQLITE_FULL: (
        StoreUnavailable,
        "no space left, nothing was written; free space on its file system",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StoreUnavailable,
        "cannot be opened; its folder must exist and be writable by this process",
    ),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "input/output error; check its disk ({error})"),
    sqlite3.SQLITE_READONLY: (
        StoreError,
        "read-only; the file, its folder, its -wal and -shm files must be writable by this user",
    ),
    sqlite3.SQLITE_CORRUPT: (
        StoreError,
        "not a usable database ({error}); move it, its -wal and -shm files away: all is refilled",
    ),
}
_SAME = {
    sqlite3.SQLITE_LOCKED: sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_PROTOCOL: sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_NOTADB: sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_PERM: sqlite3.SQLITE_CANTOPEN,
}
_KEEP = {0, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL}


def needs_reopen(error: sqlite3.Error) -> bool:
    """Whether the connection is of no more use: the file may have been replaced or repaired."""
    return _code(error) not in _KEEP


def translate(error: sqlite3.Error, path: Path, timeout: float) -> StoreError:
    """The error to raise instead: what failed, on which file, and what to do."""
    kind, meaning = _MEANING.get(_code(error), (StoreError, "{error}"))
    return kind(f"{path}: " + meaning.format(path=path, timeout=timeout, error=error))


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, like ones made one; 0 for an error that is Python's own."""
    code = int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
    return _SAME.get(code, code)
