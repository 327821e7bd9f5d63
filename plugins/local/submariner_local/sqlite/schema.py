"""The tables, their version, and how a file becomes a store."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from submariner_core.api.errors import StoreError

APPLICATION_ID = 0x53424D52
"""``SBMR``: tells our files from anyone else's SQLite files."""
NOWHERE = ""
"""The incarnation of no file: what follows it is the first content, whatever the file."""
VERSION = 1
"""Raised with every change of the tables that an older program could not work with."""

# `revision` rises with every change of a record, which carries the revision of its last change; a
# deleted one leaves a tombstone, and `compacted` is the newest revision whose tombstone is
# forgotten. `swaps` rises with every change of a lease. `incarnation` is drawn once per file: the
# counters of two files are never compared.
_TABLES = (
    """CREATE TABLE store (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        incarnation TEXT NOT NULL,
        revision INTEGER NOT NULL,
        compacted INTEGER NOT NULL,
        swaps INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE records (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        labels TEXT NOT NULL,
        annotations TEXT NOT NULL,
        created TEXT NOT NULL,
        revision INTEGER NOT NULL UNIQUE,
        PRIMARY KEY (kind, name)
    ) STRICT""",
    """CREATE TABLE tombstones (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        revision INTEGER NOT NULL UNIQUE,
        PRIMARY KEY (kind, name)
    ) STRICT""",
    """CREATE TABLE leases (
        name TEXT PRIMARY KEY,
        holder TEXT NOT NULL,
        successor TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        duration REAL NOT NULL,
        version TEXT NOT NULL
    ) STRICT""",
)


RECORD_COUNTER = "SELECT incarnation, revision FROM store"
LEASE_COUNTER = "SELECT incarnation, swaps FROM store"
"""What tells those who watch records, or leases, that there is something for them to read."""


def connect(path: Path, timeout: float) -> sqlite3.Connection:
    """A connection to the store at ``path``, which is made if it is not there.

    Waits up to ``timeout`` seconds for other processes. Raises :class:`StoreError` for a file
    that is not a store of this version, ``sqlite3.Error`` for anything that SQLite refuses.
    """
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    try:
        with transaction(connection, "BEGIN"):
            ready = _is_ready(connection, path)
        if not ready:
            with transaction(connection, "BEGIN IMMEDIATE"):
                _create(connection, path, secrets.token_hex(8))
        _journal(connection, path, time.monotonic() + timeout)
    except BaseException:
        connection.close()
        raise
    return connection


def nothing(path: Path) -> sqlite3.Connection:
    """A store in memory with nothing in it: for readers, while there is no file at ``path``.

    Looking makes no file: where nobody writes, none belongs.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with transaction(connection, "BEGIN"):
        _create(connection, path, NOWHERE)
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """Commit what happens inside, or nothing of it. ``begin`` is the statement to begin with."""
    try:
        connection.execute(begin)
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _is_ready(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the tables are there; False for a file that is still empty."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if (application, version, tables) == (0, 0, 0):
        return False
    if application != APPLICATION_ID:
        raise StoreError(
            f"{path}: an SQLite database of another program; give the store a file of its own"
        )
    if version != VERSION:
        raise StoreError(
            f"{path}: store schema {version}, this program knows {VERSION}; "
            "upgrade submariner-local, or move the file away and let the gateways fill a new one"
        )
    return True


def _journal(connection: sqlite3.Connection, path: Path, deadline: float) -> None:
    """Write-ahead log, and every commit on disk before it counts: an epoch must never go back."""
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            # The change of a new file's mode does not wait for other processes by itself.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
    if mode != "wal":
        raise StoreError(
            f"{path}: its file system does not allow a write-ahead log (journal mode {mode!r}); "
            "use a local disk, or `submariner store serve` and its url"
        )
    connection.execute("PRAGMA synchronous = FULL")


def _create(connection: sqlite3.Connection, path: Path, incarnation: str) -> None:
    """Make the tables, unless another process made them first."""
    if not _is_ready(connection, path):
        for table in _TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO store VALUES (1, ?, 0, 0, 0)", (incarnation,))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
