"""A netlink message as it came: fields and attributes, each decoded when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Message:
    """One answer or notification of the kernel, over pyroute2's decoder.

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
