"""The programs that this project runs, and which iptables the node's own filter speaks."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from submariner_core.cli.checks.finding import Finding, Subject, error, ok, warning

LEGACY_TABLES = Path("/proc/net/ip_tables_names")
TIMEOUT = 5.0


async def nft(_: Subject) -> Sequence[Finding]:
    """``nft`` programs the packet filter."""
    path = shutil.which("nft")
    if path is None:
        remedy = "install the package nftables"
        return [error("program nft", "is not on the PATH", remedy)]
    code, said = await _run("nft", "--version")
    if code:
        return [error("program nft", f"{path}: {said}", "reinstall the package nftables")]
    return [ok("program nft", f"{path}: {said}")]


async def iptables(_: Subject) -> Sequence[Finding]:
    """``iptables`` need not be there; rules made with iptables-legacy can be in the way."""
    check = "iptables flavour"
    legacy = _legacy_tables()
    if "filter" in legacy and shutil.which("iptables-legacy") is None:
        return [
            warning(
                check,
                "iptables-legacy's filter table is in use, but the program is not installed",
                "install iptables-legacy, so that the route agent can put its accept rule there",
            )
        ]
    if shutil.which("iptables") is None:
        return [ok(check, "none installed: none needed")]
    code, said = await _run("iptables", "--version")
    if code:
        return [warning(check, said, "repair the package iptables")]
    also = f"; legacy tables in use: {', '.join(legacy)}" if legacy else ""
    return [ok(check, said + also)]


def _legacy_tables() -> list[str]:
    try:
        return LEGACY_TABLES.read_text("ascii").split()
    except OSError:
        return []


async def _run(*command: str) -> tuple[int, str]:
    """The exit code and what was said, in one line."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(errors="replace").strip().partition("\n")[0]
