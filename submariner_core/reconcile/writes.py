"""Writes to a store, as values."""

from __future__ import annotations

from dataclasses import dataclass

from submariner_core.api.transport import Record, Ref


@dataclass(frozen=True, slots=True)
class PutRecord:
    """Write this record, fenced with the leader's epoch."""

    record: Record


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    """Delete this record, fenced with the leader's epoch."""

    ref: Ref


Write = PutRecord | DeleteRecord


def same(stored: Record | None, wanted: Record) -> bool:
    """Whether writing ``wanted`` would change nothing."""
    return (
        stored is not None
        and stored.body == wanted.body
        and stored.labels == wanted.labels
        and stored.annotations == wanted.annotations
    )
