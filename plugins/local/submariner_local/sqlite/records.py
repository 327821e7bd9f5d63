"""What a transport does to the tables. Every function runs inside a transaction of its caller."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from submariner_core.api.errors import RecordMalformed
from submariner_core.api.fencing import check_fence, guard_of
from submariner_core.api.transport import Deleted, Event, Fence, Kind, Put, Record, Ref, Snapshot
from submariner_local.encoding import decode_object, encode_object
from submariner_local.sqlite.schema import NOWHERE

TOMBSTONES = 1000
"""How many deletions are remembered; a watcher that missed more gets a Snapshot."""

UNREADABLE = "unreadable"
"""The only key of what could not be read: no kind of object, and no text as labels are."""

_COLUMNS = "kind, name, body, labels, annotations, created"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a watcher has read: all changes up to ``revision`` of the file ``incarnation``."""

    incarnation: str
    revision: int


def put(connection: sqlite3.Connection, record: Record, fence: Fence | None) -> None:
    """Create or replace ``record``; see :meth:`Transport.put`."""
    ref = record.ref
    if not ref.name:
        raise RecordMalformed(ref, "name", "must not be empty")
    new = tuple(_json(ref, field, getattr(record, field)) for field in _JSON_FIELDS)
    _check_fence(connection, ref, fence)
    stored = connection.execute(
        "SELECT body, labels, annotations, created FROM records WHERE kind = ? AND name = ?",
        (ref.kind.value, ref.name),
    ).fetchone()
    if stored is not None and tuple(stored[:3]) == new:
        return
    revision = _next_revision(connection)
    created = f"{revision:020d}" if stored is None else stored[3]
    connection.execute(
        "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)",
        (ref.kind.value, ref.name, *new, created, revision),
    )


def delete(connection: sqlite3.Connection, ref: Ref, fence: Fence | None) -> None:
    """Delete the record of ``ref``, leaving a tombstone; see :meth:`Transport.delete`."""
    _check_fence(connection, ref, fence)
    key = (ref.kind.value, ref.name)
    gone = connection.execute("DELETE FROM records WHERE kind = ? AND name = ?", key).rowcount
    if gone:
        tombstone = (*key, _next_revision(connection))
        connection.execute("INSERT OR REPLACE INTO tombstones VALUES (?, ?, ?)", tombstone)
        _compact(connection)


def changes(
    connection: sqlite3.Connection, kinds: Collection[Kind], since: Position | None
) -> tuple[Position, tuple[Event, ...]]:
    """What happened to these kinds since a position, oldest first, and the new position.

    The first file at a path continues from none. A Snapshot where there is no telling: at first,
    in another file, or when deletions since then are forgotten. Several changes of one record
    since then are told as its last one, so a slow watcher never falls behind; a deletion is told
    even if the record was made again.
    """
    incarnation, revision, compacted = connection.execute(
        "SELECT incarnation, revision, compacted FROM store"
    ).fetchone()
    now = Position(incarnation, revision)
    wanted = json.dumps(sorted(kind.value for kind in kinds))
    if (
        since is None
        or since.incarnation not in {incarnation, NOWHERE}
        or not compacted <= since.revision <= revision
    ):
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM records "  # noqa: S608 - a constant
            "WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY created",
            (wanted,),
        )
        return now, (Snapshot(tuple(_record(*row) for row in rows)),)
    if since == now:
        return now, ()
    events: list[tuple[int, Event]] = [
        (at, Put(_record(*row)))
        for at, *row in connection.execute(
            f"SELECT revision, {_COLUMNS} FROM records "  # noqa: S608 - a constant
            "WHERE revision > ? AND kind IN (SELECT value FROM json_each(?))",
            (since.revision, wanted),
        )
    ]
    events.extend(
        (at, Deleted(Ref(Kind(kind), name)))
        for kind, name, at in connection.execute(
            "SELECT kind, name, revision FROM tombstones "
            "WHERE revision > ? AND kind IN (SELECT value FROM json_each(?))",
            (since.revision, wanted),
        )
    )
    events.sort(key=lambda entry: entry[0])
    return now, tuple(event for _, event in events)


def _check_fence(connection: sqlite3.Connection, ref: Ref, fence: Fence | None) -> None:
    if fence is None:
        return
    for found in {guard_of(fence), ref}:
        stored = connection.execute(
            "SELECT labels, annotations FROM records WHERE kind = ? AND name = ?",
            (found.kind.value, found.name),
        ).fetchone()
        if stored is not None:
            check_fence(fence, found, *map(_object, stored))


def _next_revision(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE store SET revision = revision + 1")
    (revision,) = connection.execute("SELECT revision FROM store").fetchone()
    return int(revision)


def _compact(connection: sqlite3.Connection) -> None:
    """Forget all but the newest tombstones."""
    horizon = connection.execute(
        "SELECT revision FROM tombstones ORDER BY revision DESC LIMIT 1 OFFSET ?", (TOMBSTONES,)
    ).fetchone()
    if horizon is not None:
        connection.execute("DELETE FROM tombstones WHERE revision <= ?", horizon)
        connection.execute("UPDATE store SET compacted = ?", horizon)


_JSON_FIELDS = ("body", "labels", "annotations")


def _json(ref: Ref, field: str, value: Mapping[str, object]) -> str:
    try:
        return encode_object(value)
    except ValueError as error:
        raise RecordMalformed(ref, field, str(error)) from None


def _record(
    kind: str, name: str, body: str, labels: str, annotations: str, created: str
) -> Record:
    return Record(
        ref=Ref(Kind(kind), name),
        body=_object(body),
        labels=_object(labels),
        annotations=_object(annotations),
        created=created,
    )


def _object(text: str) -> dict[str, Any]:
    """A stored object; in place of one that no store wrote, what every reader refuses by name.

    One row that somebody spoilt must not keep all the others from everybody.
    """
    try:
        return decode_object(text)
    except ValueError as error:
        return {UNREADABLE: [str(error)]}
