"""Reads JSON that somebody else wrote, field by field, and says where it is wrong.

Everything a peer, an administrator or an attacker can store comes through here. Whatever is not
as required raises :class:`RecordMalformed` with the record, the field's place and the reason; no
other exception leaves, and nothing in it grows with the size of the input.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from ipaddress import IPv4Address, ip_address, ip_network

from submariner_core.api.durations import parse_duration
from submariner_core.api.errors import RecordMalformed
from submariner_core.api.naming import IPAddress, IPNetwork
from submariner_core.api.transport import Ref

MAX_TEXT = 4096
"""Characters of one text."""
MAX_ITEMS = 1024
"""Items of one list, keys of one object."""
MAX_DEPTH = 16
"""Nesting of a field that we do not know."""
MAX_EXTRA = 16_384
"""Values, all levels together, of the fields that we do not know."""

CLUSTER_ID = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
"""A Kubernetes label value, since it is one on every copy."""
NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.:]{0,252}")
"""Cable names, host names and drivers: safe in a file, an option or a comment."""
_PRINTABLE_BUT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Fields:
    """One JSON object. Fields are taken by name; :meth:`rest` is what nobody asked for."""

    def __init__(self, ref: Ref, path: str, value: object) -> None:
        self.ref = ref
        self.path = path
        self._taken: set[str] = set()
        if not isinstance(value, Mapping):
            raise self.malformed("", f"must be an object, not {kind_of(value)}")
        if len(value) > MAX_ITEMS:
            raise self.malformed("", f"has {len(value)} fields, at most {MAX_ITEMS} are read")
        for key in value:
            if not isinstance(key, str):
                raise self.malformed("", f"has a field name that is {kind_of(key)}")
        self._value: Mapping[str, object] = value

    def malformed(self, name: str, reason: str) -> RecordMalformed:
        """The error to raise for field ``name`` (``""``: this object itself)."""
        return RecordMalformed(self.ref, ".".join(p for p in (self.path, name) if p), reason)

    def take(self, name: str) -> object:
        """A field's value as it stands, ``None`` where it is absent."""
        self._taken.add(name)
        return self._value.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; required when there is no ``default``."""
        value = self.take(name)
        if value is None and default is not None:
            return default
        return checked_text(value, self._refuse(name))

    def matching(self, name: str, pattern: re.Pattern[str], what: str) -> str:
        """A required text that ``pattern`` matches as a whole."""
        value = self.text(name)
        if pattern.fullmatch(value) is None:
            raise self.malformed(name, f"{value[:80]!r} is not {what}")
        return value

    def flag(self, name: str, default: bool | None = None) -> bool:
        """A boolean; required when there is no ``default``."""
        value = self.take(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, bool):
            raise self.malformed(name, f"must be true or false, not {kind_of(value)}")
        return value

    def integer(self, name: str, allowed: range) -> int:
        """A required integer within ``allowed``."""
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.malformed(name, f"must be an integer, not {kind_of(value)}")
        if value not in allowed:
            raise self.malformed(name, f"must be {allowed.start} to {allowed.stop - 1}")
        return value

    def duration(self, name: str) -> int:
        """Nanoseconds of an optional Go duration; absent is 0."""
        try:
            return parse_duration(self.text(name, "0s") or "0s")
        except ValueError as error:
            raise self.malformed(name, str(error)) from None

    def address(self, name: str, plural: str | None = None) -> IPAddress | None:
        """An optional address; ``""`` and absence are ``None``.

        Newer peers also write a list ``plural``: its IPv4 entry wins, then the single field, then
        whatever else is in the list. The list itself stays unknown and is carried on.
        """
        text = self.text(name, "")
        single = [parse_address(text, self._refuse(name))] if text else []
        entries = self._plural(plural) if plural else []
        first = [entry for entry in entries if isinstance(entry, IPv4Address)]
        return next(iter([*first, *single, *entries]), None)

    def networks(self, name: str) -> tuple[IPNetwork, ...]:
        """A required list of CIDRs. Host bits are masked away, as upstream's parser does."""
        return tuple(
            parse_network(text, self._refuse(at))
            for at, text in self._texts(name, self._list(name))
        )

    def texts(self, name: str) -> tuple[str, ...]:
        """An optional list of texts."""
        if self.take(name) is None:
            return ()
        return tuple(text for _, text in self._texts(name, self._list(name)))

    def text_map(self, name: str) -> dict[str, str]:
        """An optional object whose values are all texts."""
        value = self.take(name)
        if value is None:
            return {}
        inner = self.nested(name)
        return {checked_text(key, self._refuse(name)): inner.text(key) for key in inner.names()}

    def nested(self, name: str) -> Fields:
        """A required object."""
        return Fields(self.ref, f"{self.path}.{name}", self.take(name))

    def optional_nested(self, name: str) -> Fields | None:
        """An optional object."""
        return None if self.take(name) is None else self.nested(name)

    def each(self, name: str) -> Iterator[Fields]:
        """A required list of objects."""
        for index, item in enumerate(self._list(name)):
            yield Fields(self.ref, f"{self.path}.{name}[{index}]", item)

    def names(self) -> tuple[str, ...]:
        """The names of all fields."""
        return tuple(self._value)

    def rest(self) -> dict[str, object]:
        """Copies of the fields that were not taken, checked to be sane JSON."""
        budget = [MAX_EXTRA]
        return {
            checked_text(key, self._refuse("")): self._json(key, value, MAX_DEPTH, budget)
            for key, value in self._value.items()
            if key not in self._taken
        }

    def _refuse(self, name: str) -> Refuse:
        return partial(self.malformed, name)

    def _list(self, name: str) -> list[object] | tuple[object, ...]:
        value = self.take(name)
        if not isinstance(value, list | tuple):
            raise self.malformed(name, f"must be a list, not {kind_of(value)}")
        if len(value) > MAX_ITEMS:
            raise self.malformed(name, f"has {len(value)} items, at most {MAX_ITEMS} are read")
        return value

    def _texts(
        self, name: str, items: list[object] | tuple[object, ...]
    ) -> Iterator[tuple[str, str]]:
        for index, item in enumerate(items):
            at = f"{name}[{index}]"
            yield at, checked_text(item, self._refuse(at))

    def _plural(self, name: str) -> list[IPAddress]:
        value = self._value.get(name)
        if value is None:
            return []
        items = self._list(name)
        self._taken.discard(name)
        return [
            parse_address(text, self._refuse(at)) for at, text in self._texts(name, items) if text
        ]

    def _json(self, at: str, value: object, depth: int, budget: list[int]) -> object:
        budget[0] -= 1
        if budget[0] < 0:
            raise self.malformed("", f"more than {MAX_EXTRA} values in unknown fields")
        if depth == 0:
            raise self.malformed(at[:80], f"nested deeper than {MAX_DEPTH}")
        match value:
            case None | bool():
                return value
            case str():
                return checked_text(value, self._refuse(at[:80]))
            case int() if abs(value) < 2**63:
                return value
            case float() if math.isfinite(value):
                return value
            case list() | tuple():
                return [self._json(at, item, depth - 1, budget) for item in value]
            case Mapping():
                copy: dict[str, object] = {}
                for key, item in value.items():
                    text = checked_text(key, self._refuse(at[:80]))
                    copy[text] = self._json(at, item, depth - 1, budget)
                return copy
            case _:
                raise self.malformed(at[:80], f"{kind_of(value)} that JSON cannot hold")


_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}
Refuse = Callable[[str], RecordMalformed]


def kind_of(value: object) -> str:
    """What a JSON value is, for an error message; never its (unbounded) content."""
    names = {
        type(None): "null",
        bool: "a boolean",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), f"a value of type {type(value).__name__[:40]}")


def checked_text(value: object, refuse: Refuse) -> str:
    """``value`` if it is a text of sane length without control characters."""
    if not isinstance(value, str):
        raise refuse(f"must be a text, not {kind_of(value)}")
    if len(value) > MAX_TEXT:
        raise refuse(f"has {len(value)} characters, at most {MAX_TEXT} are read")
    if _PRINTABLE_BUT.search(value):
        raise refuse("contains a control character")
    return value


def parse_address(text: str, refuse: Refuse) -> IPAddress:
    """``text`` as an address without a zone."""
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    if address is None or "%" in text:
        raise refuse(f"{text[:80]!r} is not an IP address")
    return address


def parse_network(text: str, refuse: Refuse) -> IPNetwork:
    """A CIDR as upstream's parser reads it, or the error that ``refuse`` makes of the reason."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        network = None
    # ipaddress also reads zones, bare addresses and netmasks; upstream does not.
    length = text.partition("/")[2]
    if network is None or "%" in text or not length.isdecimal():
        raise refuse(f"{text[:80]!r} is not a CIDR such as 10.1.0.0/16")
    return network
