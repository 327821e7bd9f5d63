"""``submariner gateway …`` on a node of a lab, as an operator gives it."""

from __future__ import annotations

import asyncio

from submariner_lab import Node
from submariner_lab.node import program


async def gateway(node: Node, *words: str) -> tuple[int, str]:
    """``submariner gateway WORDS`` on a node: exit code and what it says."""
    command = (program(), "gateway", *words, "--config", str(node.config))
    process = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", node.site.netns, *command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(40):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode().strip()
