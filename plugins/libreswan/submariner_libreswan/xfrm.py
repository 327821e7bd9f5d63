"""The kernel's SAs and policies as ``ip xfrm`` lists and deletes them, whichever daemon made them.

Programs of iproute2 do what pyroute2 has no finished code for; nothing of it is on a path of
packets or of a failover.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator

from submariner_core.api.errors import CableError

ENDS = re.compile(r"src (\S+) dst (\S+)")
"""At the beginning of an entry: an SA's ends, a policy's selectors."""
TEMPLATE = re.compile(r"tmpl src (\S+) dst (\S+)")
"""The ends of the SA that a policy asks for."""
SPI = re.compile(r"proto esp spi (0x[0-9a-f]+)")
DIRECTION = re.compile(r"dir (in|out|fwd)")
_IF_ID = re.compile(r"if_id (0x[0-9a-f]+)")
_TIMEOUT = 10.0


async def states() -> str:
    """All SAs, as ``ip`` prints them. Raises :class:`CableError` where it does not answer."""
    return await _ip("xfrm", "state")


async def policies() -> str:
    """All policies, as ``ip`` prints them. Raises :class:`CableError` as :func:`states`."""
    return await _ip("xfrm", "policy")


async def delete(commands: Iterable[str]) -> None:
    """Carry out ``state delete …`` and ``policy delete …``; what has gone meanwhile is fine."""
    lines = "".join(f"xfrm {words}\n" for words in commands)
    if lines:
        await _ip("-force", "-batch", "-", stdin=lines)


def entries(listing: str) -> Iterator[str]:
    """Each begins at the margin, and has its details indented. Pure."""
    return (entry for entry in re.split(r"\n(?=\S)", listing) if entry.strip())


def if_id(entry: str) -> int:
    """The number of the XFRM interface that an entry is for; 0: none. Pure."""
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
