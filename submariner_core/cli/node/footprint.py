"""What a node's kernel holds that may be ours: read before and after a removal, to see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from submariner_core.kernel import Kernel, KernelError
from submariner_core.kernel.nft import program
from submariner_core.kernel.rules import describe

TABLES = (254, 100, 101, 102, 150)
"""Routing tables that this project or upstream writes to."""
HOST_CHAINS = ("FORWARD", "INPUT")
COMMENT = "submariner"
"""How the comments of our rules in other people's chains start."""


async def footprint(kernel: Kernel) -> tuple[str, ...]:
    """Devices, rules, routes, nexthops, nft tables, and rules of ours in ``ip filter``, in words.

    Where ``nft`` is absent, there is nothing of it to see.
    """
    return tuple([thing async for thing in _things(kernel)])


async def _things(kernel: Kernel) -> AsyncIterator[str]:
    for link in await kernel.links.list():
        yield f"device {link.name}"
    for rule in await kernel.rules.list():
        yield describe(rule)
    for table in TABLES:
        for route in await kernel.routes.list(table):
            yield f"route {route.destination} in table {table}"
    for nexthop in await kernel.nexthops.list():
        yield f"nexthop {nexthop.id}"
    try:
        filtered = [thing async for thing in _packet_filter()]
    except KernelError:
        return
    for thing in filtered:
        yield thing


async def _packet_filter() -> AsyncIterator[str]:
    for entry in await program.show("tables", name="nft tables") or ():
        if "table" in entry:
            yield f"nft table {entry['table']['family']} {entry['table']['name']}"
    for chain in HOST_CHAINS:
        name = f"nft chain ip filter {chain}"
        for entry in await program.show("chain", "ip", "filter", chain, name=name) or ():
            comment = entry.get("rule", {}).get("comment", "")
            if comment.startswith(COMMENT):
                yield f"nft rule {comment!r} in ip filter {chain}"
