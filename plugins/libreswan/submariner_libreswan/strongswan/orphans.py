"""SAs and policies in the kernel that a charon which died left there.

They carry packets meanwhile, so each stays until its tunnel has others. Ours are told by their
if_id, which is the number of an interface of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from submariner_core.api.naming import SLOTS
from submariner_libreswan import xfrm
from submariner_libreswan.tunnel import FIRST_INTERFACE

_OURS = frozenset(FIRST_INTERFACE + slot for slot in SLOTS)


@dataclass(frozen=True, slots=True)
class Orphan:
    """One SA or policy: between which addresses, and how ``ip xfrm`` deletes it."""

    ends: frozenset[str]
    if_id: int
    words: str


async def look() -> list[Orphan]:
    """All SAs of ours; for a charon that has just begun, and so has none."""
    return list(states(await xfrm.states()))


async def remove_all() -> None:
    """Delete all SAs and policies of ours; no daemon of ours may run."""
    await remove([*await look(), *policies(await xfrm.policies())])


async def remove(orphans: Collection[Orphan]) -> None:
    """Delete these; what has gone meanwhile is fine."""
    await xfrm.delete(one.words for one in orphans)


def states(listing: str) -> Iterator[Orphan]:
    """Our SAs in what ``ip xfrm state`` prints. Pure."""
    for entry, if_id in _entries(listing):
        ends, spi = xfrm.ENDS.match(entry), xfrm.SPI.search(entry)
        if ends is not None and spi is not None:
            words = f"state delete {ends[0]} proto esp spi {spi[1]}"
            yield Orphan(frozenset(ends.groups()), if_id, words)


def policies(listing: str) -> Iterator[Orphan]:
    """Our policies in what ``ip xfrm policy`` prints. Pure."""
    for entry, if_id in _entries(listing):
        selector, direction = xfrm.ENDS.match(entry), xfrm.DIRECTION.search(entry)
        template = xfrm.TEMPLATE.search(entry)
        if selector is not None and direction is not None and template is not None:
            words = f"policy delete {selector[0]} dir {direction[1]} if_id {if_id}"
            yield Orphan(frozenset(template.groups()), if_id, words)


def _entries(listing: str) -> Iterator[tuple[str, int]]:
    """Those of ours."""
    for entry in xfrm.entries(listing):
        if (number := xfrm.if_id(entry)) in _OURS:
            yield entry, number
