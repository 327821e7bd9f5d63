"""Who has which prefix: finds an overlap without looking at every prefix."""

from __future__ import annotations

from bisect import bisect_left, insort
from ipaddress import IPv4Network, IPv6Network

from submariner_core.api.naming import IPNetwork

_Key = tuple[int, int, int]
"""Version, first address, length: sorts a prefix right before those that lie in it."""


class Prefixes:
    """Prefixes with their owners. A prefix that was added twice stays its first owner's."""

    def __init__(self) -> None:
        self._owners: dict[_Key, str] = {}
        self._sorted: list[_Key] = []

    def add(self, prefix: IPNetwork, owner: str) -> None:
        """Note that ``prefix`` is ``owner``'s."""
        key = (prefix.version, int(prefix.network_address), prefix.prefixlen)
        if key not in self._owners:
            self._owners[key] = owner
            insort(self._sorted, key)

    def overlap(self, prefix: IPNetwork) -> tuple[IPNetwork, str] | None:
        """A prefix that overlaps ``prefix``, with its owner; the widest that contains it first."""
        version, first, length = prefix.version, int(prefix.network_address), prefix.prefixlen
        bits = prefix.max_prefixlen
        # CIDRs are nested or disjoint: what overlaps contains this one, or starts within it.
        for shorter in range(length + 1):
            key = (version, first >> (bits - shorter) << (bits - shorter), shorter)
            if key in self._owners:
                return self._entry(key)
        place = bisect_left(self._sorted, (version, first, length))
        if place < len(self._sorted):
            found = self._sorted[place]
            if found[0] == version and found[1] <= int(prefix.broadcast_address):
                return self._entry(found)
        return None

    def _entry(self, key: _Key) -> tuple[IPNetwork, str]:
        version, first, length = key
        network = (IPv4Network if version == 4 else IPv6Network)((first, length))
        return network, self._owners[key]
