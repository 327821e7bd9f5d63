"""The accept rule for iptables-legacy, on nodes that still filter with it."""

from __future__ import annotations

import asyncio
import shlex
import shutil
from pathlib import Path

from submariner_core.api.errors import RouteError

PROGRAM = "iptables-legacy"
TABLES = Path("/proc/net/ip_tables_names")
_TIMEOUT = 10.0


async def accept_first(chain: str, mark: int, comment: str) -> bool:
    """Let packets with ``mark`` pass first in ``chain``, if that filters anything.

    True if anything changed. Raises :class:`RouteError` if the rule cannot be made.
    """
    if not in_use():
        return False
    rules = await _rules(chain)
    others = [rule for rule in rules if comment not in rule]
    if len(others) == 1 and others[0] == ["-P", chain, "ACCEPT"] and len(rules) == 1:
        return False
    ours = _rule(mark, comment)
    if len(rules) > 1 and rules[1] == ["-A", chain, *ours] and len(rules) == len(others) + 1:
        return False
    await _remove(chain, rules, comment)
    await _run("-I", chain, "1", *ours)
    return True


async def remove(chain: str, comment: str) -> bool:
    """Remove our rule from ``chain``. True if it was there."""
    return in_use() and await _remove(chain, await _rules(chain), comment)


def in_use() -> bool:
    """Whether the kernel has a legacy filter table in this network namespace."""
    try:
        names = TABLES.read_text().split()
    except OSError:
        return False
    return "filter" in names and shutil.which(PROGRAM) is not None


def _rule(mark: int, comment: str) -> tuple[str, ...]:
    bits = f"{mark:#x}/{mark:#x}"
    return "-m", "mark", "--mark", bits, "-m", "comment", "--comment", comment, "-j", "ACCEPT"


async def _rules(chain: str) -> list[list[str]]:
    """The policy, then the rules of a chain, each as the arguments that make it."""
    return [shlex.split(line) for line in (await _run("-S", chain)).splitlines()]


async def _remove(chain: str, rules: list[list[str]], comment: str) -> bool:
    ours = [rule for rule in rules if comment in rule]
    for rule in ours:
        await _run("-D", chain, *rule[2:])
    return bool(ours)


async def _run(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "-w",
        "5",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_TIMEOUT):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RouteError(f"{PROGRAM} {' '.join(arguments)}: {errors.decode().strip()}")
    return output.decode()
