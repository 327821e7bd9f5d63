"""Keys, values and transactions as etcd's JSON gateway writes them: base64, numbers as text."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key as stored. ``created`` and ``modified`` are revisions; a deleted one has no value."""

    key: str
    value: bytes
    created: int
    modified: int

    @classmethod
    def of(cls, found: Json) -> Self:
        """From what the gateway says. Raises ``ValueError``, ``KeyError`` for anything else."""
        return cls(
            base64.b64decode(found["key"]).decode("utf-8", "replace"),
            base64.b64decode(found.get("value", "")),
            int(found.get("create_revision", 0)),
            int(found["mod_revision"]),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Keys as of one ``revision`` of the store."""

    revision: int
    keys: tuple[KeyValue, ...]

    @classmethod
    def of(cls, answer: Json) -> Self:
        """The answer to a range request."""
        keys = tuple(KeyValue.of(found) for found in answer.get("kvs", ()))
        return cls(revision_of(answer), keys)


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a watch: a key was put, or is gone."""

    key: KeyValue
    gone: bool


def revision_of(answer: Json) -> int:
    """The store's revision, from the header of an answer."""
    return int(answer["header"]["revision"])


def span(key: str, *, below: bool) -> dict[str, object]:
    """The key itself, or all keys that begin with it."""
    start = key.encode()
    # the end is the first key after all of those: none of ours ends in 0xff
    end = {"range_end": _text(start[:-1] + bytes([start[-1] + 1]))} if below else {}
    return {"key": _text(start), **end}


def put(key: str, value: bytes) -> dict[str, object]:
    """An operation of a transaction."""
    return {"request_put": {"key": _text(key.encode()), "value": _text(value)}}


def delete(key: str) -> dict[str, object]:
    """An operation of a transaction."""
    return {"request_delete_range": {"key": _text(key.encode())}}


def ranges(keys: Sequence[str]) -> list[dict[str, object]]:
    """Operations of a transaction: each key, as of the same moment."""
    return [{"request_range": span(key, below=False)} for key in keys]


def unchanged(key: str, stored: KeyValue | None) -> dict[str, object]:
    """The condition that a key is as it was read, or still missing."""
    compare: dict[str, object] = {"key": _text(key.encode()), "result": "EQUAL"}
    if stored is None:
        return {**compare, "target": "VERSION", "version": "0"}
    return {**compare, "target": "MOD", "mod_revision": str(stored.modified)}


def says(key: str, value: bytes) -> dict[str, object]:
    """The condition that a key has this value."""
    encoded = _text(key.encode())
    return {"key": encoded, "result": "EQUAL", "target": "VALUE", "value": _text(value)}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
