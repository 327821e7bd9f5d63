"""A netlink message: what it is about, what it asks, and how an answer is read."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any


class Noun(enum.IntEnum):
    """What a message is about: the first of the four message types of each (``RTM_NEW…``)."""

    LINK = 16
    ADDRESS = 20
    ROUTE = 24
    NEIGHBOUR = 28
    RULE = 32
    NEXTHOP = 104


class Verb(enum.IntEnum):
    """Added to a noun, this gives the message type."""

    NEW = 0
    DELETE = 1
    GET = 2


class Mode(enum.IntFlag):
    """What a NEW may do when the object is there already, or not there yet (``NLM_F_…``)."""

    SET = 0
    REPLACE = 0x100
    EXCLUSIVE = 0x200
    CREATE = 0x400
    APPEND = 0x800


class Message:
    """One answer or notification of the kernel, each part decoded when it is asked for.

    Asking pyroute2 itself walks and decodes all attributes each time; a table of a thousand
    routes then takes thrice as long.
    """

    __slots__ = ("_attributes", "_fields")

    def __init__(self, decoded: Mapping[str, Any]) -> None:
        self._fields = decoded
        self._attributes = {slot.name: slot for slot in decoded.get("attrs") or ()}

    def __getitem__(self, field: str) -> int:
        return int(self._fields[field])

    @property
    def type(self) -> int:
        """The message type (``RTM_…``)."""
        return int(self._fields["header"]["type"])

    @property
    def flags(self) -> int:
        """The header's flags (``NLM_F_…``)."""
        return int(self._fields["header"]["flags"])

    def get(self, attribute: str, *inner: str) -> Any:
        """An attribute's value, or that of one nested in it; ``None`` where there is none."""
        slot = self._attributes.get(attribute)
        if slot is None:
            return None
        return Message(slot.value).get(*inner) if inner else slot.value
