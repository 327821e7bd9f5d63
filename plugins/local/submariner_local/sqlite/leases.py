"""What a lease store does to the tables. Every function runs inside a transaction."""

from __future__ import annotations

import sqlite3

from submariner_core.api.lease import LeaseRecord


def read(connection: sqlite3.Connection, name: str) -> LeaseRecord | None:
    """The lease called ``name``, if there is one."""
    row = connection.execute(
        "SELECT holder, epoch, duration, successor, version FROM leases WHERE name = ?", (name,)
    ).fetchone()
    return None if row is None else LeaseRecord(*row)


def swap(
    connection: sqlite3.Connection, name: str, expected: str | None, new: LeaseRecord
) -> LeaseRecord | None:
    """Store ``new`` if the stored version is still ``expected`` (``None``: there is no lease).

    Versions are never used again, not even by another file at the same path.
    """
    stored = read(connection, name)
    if (None if stored is None else stored.version) != expected:
        return None
    connection.execute("UPDATE store SET swaps = swaps + 1")
    incarnation, swaps = connection.execute("SELECT incarnation, swaps FROM store").fetchone()
    connection.execute(
        "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?)",
        (name, new.holder, new.successor, new.epoch, new.duration, f"{incarnation}.{swaps}"),
    )
    return read(connection, name)
