"""Records as keys and values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from submariner_core.api.errors import RecordMalformed
from submariner_core.api.transport import Kind, Record, Ref
from submariner_etcd.keys import KeyValue

_FIELDS = ("body", "labels", "annotations")
_KINDS = frozenset(kind.value for kind in Kind)
UNREADABLE = "unreadable"
"""The only key of what could not be read: no kind of object, and no text as labels are."""


def to_key(prefix: str, ref: Ref) -> str:
    """Where a record is kept."""
    return f"{prefix}{ref.kind.value}/{ref.name}"


def to_ref(prefix: str, key: str) -> Ref | None:
    """The record that is kept there; ``None`` for a key of somebody else's."""
    kind, _, name = key.removeprefix(prefix).partition("/")
    return Ref(Kind(kind), name) if kind in _KINDS and name else None


def to_value(record: Record) -> bytes:
    """The one value of a record. Raises :class:`RecordMalformed` for what JSON cannot say."""
    if not record.ref.name:
        raise RecordMalformed(record.ref, "name", "must not be empty")
    fields = {name: getattr(record, name) for name in _FIELDS}
    try:
        text = json.dumps(
            fields, default=_plain, sort_keys=True, separators=(",", ":"), allow_nan=False
        )
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordMalformed(record.ref, "body", f"not JSON: {error}") from None


def to_record(ref: Ref, found: KeyValue) -> Record:
    """The record in a value; in place of one that nobody wrote, what every reader refuses by name.

    One key that somebody spoilt must not keep all the others from everybody.
    """
    created = f"{found.created:020d}"
    try:
        told = json.loads(found.value)
        body, labels, annotations = (_object(told[name]) for name in _FIELDS)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return Record(ref, {UNREADABLE: [repr(error)]}, created=created)
    return Record(ref, body, labels, annotations, created)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"an object, not {type(value).__name__}")  # noqa: TRY004 - from outside
    return value


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} {value!r}")
