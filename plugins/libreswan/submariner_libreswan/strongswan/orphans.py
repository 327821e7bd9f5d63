"""SAs and policies in the kernel that a charon which died left there.

They carry packets meanwhile, so each stays until its tunnel has others. Ours are told by their
if_id, which is the number of an interface of ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from submariner_core.api.errors import CableError
from submariner_core.api.naming import SLOTS
from submariner_libreswan.tunnel import FIRST_INTERFACE

_TIMEOUT = 10.0
_ENDS = re.compile(r"src (\S+) dst (\S+)")
_TEMPLATE = re.compile(r"tmpl src (\S+) dst (\S+)")
_SPI = re.compile(r"proto esp spi (0x[0-9a-f]+)")
_DIR = re.compile(r"dir (in|out|fwd)")
_IF_ID = re.compile(r"if_id (0x[0-9a-f]+)")
_OURS = frozenset(FIRST_INTERFACE + slot for slot in SLOTS)


@dataclass(frozen=True, slots=True)
class Orphan:
    """One SA or policy: between which addresses, and how ``ip xfrm`` deletes it."""

    ends: frozenset[str]
    if_id: int
    words: str


async def look() -> list[Orphan]:
    """All SAs of ours; for a charon that has just begun, and so has none."""
    return list(states(await _ip("xfrm", "state")))


async def remove_all() -> None:
    """Delete all SAs and policies of ours; no daemon of ours may run."""
    await remove([*await look(), *policies(await _ip("xfrm", "policy"))])


async def remove(orphans: Collection[Orphan]) -> None:
    """Delete these; what has gone meanwhile is fine."""
    if orphans:
        lines = "".join(f"xfrm {one.words}\n" for one in orphans)
        await _ip("-force", "-batch", "-", stdin=lines)


def states(listing: str) -> Iterator[Orphan]:
    """Our SAs in what ``ip xfrm state`` prints. Pure."""
    for entry, if_id in _entries(listing):
        ends, spi = _ENDS.match(entry), _SPI.search(entry)
        if ends is not None and spi is not None:
            words = f"state delete {ends[0]} proto esp spi {spi[1]}"
            yield Orphan(frozenset(ends.groups()), if_id, words)


def policies(listing: str) -> Iterator[Orphan]:
    """Our policies in what ``ip xfrm policy`` prints. Pure."""
    for entry, if_id in _entries(listing):
        selector, direction = _ENDS.match(entry), _DIR.search(entry)
        template = _TEMPLATE.search(entry)
        if selector is not None and direction is not None and template is not None:
            words = f"policy delete {selector[0]} dir {direction[1]} if_id {if_id}"
            yield Orphan(frozenset(template.groups()), if_id, words)


def _entries(listing: str) -> Iterable[tuple[str, int]]:
    """Those of ours; each begins at the margin, and has its details indented."""
    for entry in re.split(r"\n(?=\S)", listing):
        found = _IF_ID.search(entry)
        if found is not None and (if_id := int(found[1], 16)) in _OURS:
            yield entry, if_id


async def _ip(*words: str, stdin: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        *("ip", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_TIMEOUT):
            said, _ = await process.communicate(stdin.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise CableError(f"ip {words[0]} did not end in {_TIMEOUT:.0f} s") from None
    return said.decode("utf-8", "replace")
