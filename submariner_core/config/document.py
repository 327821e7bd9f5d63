"""Plain values together with the place at which each was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Step = str | int
Loc = tuple[Step, ...]
"""The way to a value: keys of mappings and indices of lists, from the top."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, and where its key does: ``file:line:column`` or a variable's name."""

    value: str
    key: str


@dataclass(frozen=True, slots=True)
class Document:
    """What was configured, before any model judged it.

    ``source`` names the whole (a file, or the environment) and may be empty; ``data`` is kept out
    of the representation, since it may hold secrets.
    """

    source: str = ""
    data: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    places: Mapping[Loc, Place] = field(default_factory=dict, repr=False, hash=False)

    def locate(self, loc: Loc, *, key: bool = False) -> str:
        """Where the value at ``loc`` was written (with ``key``: where its key was).

        What was not written at all is placed at the key of the nearest thing around it.
        """
        for end in range(len(loc), -1, -1):
            place = self.places.get(loc[:end])
            if place is not None:
                return place.value if end == len(loc) and not key else place.key
        return self.source

    def problem(self, loc: Loc, message: str, *, key: bool = False) -> str:
        """``place: dotted.name: message``, leaving out what is not known."""
        parts = (self.locate(loc, key=key), dotted(loc), message)
        return ": ".join(part for part in parts if part)

    def over(self, below: Document) -> Document:
        """This document laid over another: mappings are merged, anything else is replaced."""
        return Document(
            source=self.source or below.source,
            data=_merge(self.data, below.data),
            places={**below.places, **self.places},
        )


def dotted(loc: Loc) -> str:
    """``plugins.cable[0]``."""
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _merge(above: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = below.get(name)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            merged[name] = _merge(value, under)
        else:
            merged[name] = value
    return merged
