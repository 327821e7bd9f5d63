"""What a pluto that died left in the kernel: SAs and policies, which carry packets meanwhile.

They stay until their tunnel has others. Another's are told by address, and by the if_id where
there are interfaces, else by the reqid.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from submariner_libreswan import xfrm
from submariner_libreswan.pluto.ledger import Ledger

NEIGHBOURS = tuple(
    f"policy delete src ::/0 dst ::/0 proto ipv6-icmp type {kind} dir {direction}"
    for kind in (135, 136)
    for direction in ("in", "out", "fwd")
)
"""What every pluto lets pass from its start on, and leaves there at its end."""
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
    return list(states(await xfrm.states(), ends)) if ends else []


async def replaced(stale: Sequence[Leftover], standing: Collection[str]) -> list[Leftover]:
    """Delete those of tunnels that stand anew; the others."""
    await remove(one for one in stale if one.tunnel in standing)
    return [one for one in stale if one.tunnel not in standing]


async def remove_all(ledger: Ledger) -> None:
    """Delete SAs and policies of all tunnels that were loaded once, and pluto's own."""
    found = [Leftover("", words) for words in NEIGHBOURS]
    if ends := list(_ends(ledger)):
        found += states(await xfrm.states(), ends)
        found += policies(await xfrm.policies(), ends)
    await remove(found)


async def remove(leftovers: Iterable[Leftover]) -> None:
    """Delete these; what has gone meanwhile is fine."""
    await xfrm.delete(one.words for one in leftovers)


def states(listing: str, ends: Collection[_Ends]) -> Iterator[Leftover]:
    """Those SAs in what ``ip xfrm state`` prints. Pure."""
    for entry in xfrm.entries(listing):
        between, spi = xfrm.ENDS.match(entry), xfrm.SPI.search(entry)
        if between is None or spi is None:
            continue
        for tunnel in _tunnels(entry, between[1], between[2], ends):
            yield Leftover(tunnel, f"state delete {between[0]} proto esp spi {spi[1]}")


def policies(listing: str, ends: Collection[_Ends]) -> Iterator[Leftover]:
    """Those policies in what ``ip xfrm policy`` prints. Pure."""
    for entry in xfrm.entries(listing):
        selector, direction = xfrm.ENDS.match(entry), xfrm.DIRECTION.search(entry)
        between = xfrm.TEMPLATE.search(entry)
        if selector is None or direction is None or between is None:
            continue
        for tunnel in _tunnels(entry, between[1], between[2], ends):
            number = xfrm.if_id(entry)
            yield Leftover(
                tunnel,
                f"policy delete {selector[0]} dir {direction[1]}"
                + (f" if_id {number}" if number else ""),
            )


def _tunnels(entry: str, source: str, target: str, ends: Collection[_Ends]) -> Iterator[str]:
    number, request = xfrm.if_id(entry), _REQID.search(entry)
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
