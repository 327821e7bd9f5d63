"""What a pluto that died left in the kernel: SAs and policies, which carry packets meanwhile.

They stay until their tunnel has others. Another's are told by address, and by the if_id where
there are interfaces, else by the reqid.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from submariner_core.api.errors import CableError
from submariner_libreswan.pluto.ledger import Ledger

_TIMEOUT = 10.0
NEIGHBOURS = tuple(
    f"policy delete src ::/0 dst ::/0 proto ipv6-icmp type {kind} dir {direction}"
    for kind in (135, 136)
    for direction in ("in", "out", "fwd")
)
"""What every pluto lets pass from its start on, and leaves there at its end."""
_ENDS = re.compile(r"src (\S+) dst (\S+)")
_SPI = re.compile(r"proto esp spi (0x[0-9a-f]+)")
_DIR = re.compile(r"dir (in|out|fwd)")
_IF_ID = re.compile(r"if_id (0x[0-9a-f]+)")
_REQID = re.compile(r"\breqid (\d+)")
_PLUTOS = 0x4000
"""From where on pluto numbers what it installs; charon and people begin at 1."""
_ANY = "%any"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One SA or policy: the tunnel it was of, and how ``ip xfrm`` names it."""

    tunnel: str
    words: str


@dataclass(frozen=True, slots=True)
class _Ends:
    tunnel: str
    here: str
    there: str
    if_id: int

    def match(self, source: str, target: str, if_id: int) -> bool:
        ends = {source, target}
        if self.if_id != if_id or self.here not in ends:
            return False
        return self.there in ends or (self.there == _ANY and bool(if_id))


async def of(ledger: Ledger) -> list[Leftover]:
    """The SAs of tunnels that were loaded once."""
    ends = list(_ends(ledger))
    return list(states(await _ip("xfrm", "state"), ends)) if ends else []


async def replaced(stale: Sequence[Leftover], standing: Collection[str]) -> list[Leftover]:
    """Delete those of tunnels that stand anew; the others."""
    await remove(one for one in stale if one.tunnel in standing)
    return [one for one in stale if one.tunnel not in standing]


async def remove_all(ledger: Ledger) -> None:
    """Delete SAs and policies of all tunnels that were loaded once, and pluto's own."""
    found = [Leftover("", words) for words in NEIGHBOURS]
    if ends := list(_ends(ledger)):
        found += states(await _ip("xfrm", "state"), ends)
        found += policies(await _ip("xfrm", "policy"), ends)
    await remove(found)


async def remove(leftovers: Iterable[Leftover]) -> None:
    """Delete these; what has gone meanwhile is fine."""
    lines = "".join(f"xfrm {one.words}\n" for one in leftovers)
    if lines:
        await _ip("-force", "-batch", "-", stdin=lines)


def states(listing: str, ends: Collection[_Ends]) -> Iterator[Leftover]:
    """Those SAs in what ``ip xfrm state`` prints. Pure."""
    for entry in _entries(listing):
        between, spi = _ENDS.match(entry), _SPI.search(entry)
        if between is None or spi is None:
            continue
        for tunnel in _tunnels(entry, between[1], between[2], ends):
            yield Leftover(tunnel, f"state delete {between[0]} proto esp spi {spi[1]}")


def policies(listing: str, ends: Collection[_Ends]) -> Iterator[Leftover]:
    """Those policies in what ``ip xfrm policy`` prints. Pure."""
    for entry in _entries(listing):
        selector, direction = _ENDS.match(entry), _DIR.search(entry)
        between = re.search(r"tmpl src (\S+) dst (\S+)", entry)
        if selector is None or direction is None or between is None:
            continue
        for tunnel in _tunnels(entry, between[1], between[2], ends):
            number = _if_id(entry)
            yield Leftover(
                tunnel,
                f"policy delete {selector[0]} dir {direction[1]}"
                + (f" if_id {number}" if number else ""),
            )


def _tunnels(entry: str, source: str, target: str, ends: Collection[_Ends]) -> Iterator[str]:
    number, request = _if_id(entry), _REQID.search(entry)
    if not number and (request is None or int(request[1]) < _PLUTOS):
        return
    for one in ends:
        if one.match(source, target, number):
            yield one.tunnel
            return


def _ends(ledger: Ledger) -> Iterator[_Ends]:
    for name, connections in ledger:
        for words in connections.values():
            following = list(itertools.pairwise(words))
            here, there = (after for word, after in following if word == "--host")
            numbers = [after for word, after in following if word == "--ipsec-interface"]
            yield _Ends(name, here, there, int(numbers[0]) if numbers else 0)
            break


def _entries(listing: str) -> Iterator[str]:
    """Each begins at the margin, and has its details indented."""
    entry: list[str] = []
    for line in listing.splitlines():
        if entry and not line[:1].isspace():
            yield "\n".join(entry)
            entry = []
        entry.append(line)
    if entry:
        yield "\n".join(entry)


def _if_id(entry: str) -> int:
    found = _IF_ID.search(entry)
    return int(found[1], 16) if found else 0


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
