"""The program ``nft``: one JSON document in, one out, errors in words."""

from __future__ import annotations

import asyncio
import errno as codes
import json
import os
from collections.abc import Sequence
from typing import Any

from submariner_core.kernel.errors import KernelError

TIMEOUT = 10.0
"""Seconds for one run; a whole table takes some 30 ms."""

_CODES = {os.strerror(code): code for code in codes.errorcode}


async def apply(commands: Sequence[dict[str, Any]], name: str, action: str) -> None:
    """Carry out all ``commands`` in one transaction, or none of them."""
    document = json.dumps({"nftables": list(commands)})
    await _run(("-f", "-"), document, name, action)


async def show(*words: str, name: str) -> list[dict[str, Any]] | None:
    """The objects that ``nft list WORDS`` gives, or ``None`` if there is no such thing."""
    try:
        answer = await _run(("list", *words), "", name, "list")
    except KernelError as error:
        if error.detail.startswith(os.strerror(codes.ENOENT)):
            return None
        raise
    objects: list[dict[str, Any]] = json.loads(answer)["nftables"]
    return [entry for entry in objects if "metainfo" not in entry]


async def _run(arguments: Sequence[str], document: str, name: str, action: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            "nft",
            "-j",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        reason = "the program 'nft' is not on the PATH: install the package nftables"
        raise KernelError(name, action, codes.ENOENT, reason) from None
    try:
        async with asyncio.timeout(TIMEOUT):
            output, errors = await process.communicate(document.encode())
    except TimeoutError:
        raise KernelError(name, action, codes.ETIMEDOUT, "nft did not answer") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = errors.decode(errors="replace").strip()
        raise KernelError(name, action, _code(said), _first_sentence(said))
    return output.decode()


def _code(said: str) -> int:
    """The errno behind nft's words; EINVAL when it is none, as for a malformed document."""
    for words, code in _CODES.items():
        if words in said:
            return code
    return codes.EINVAL


def _first_sentence(said: str) -> str:
    line = said.partition("\n")[0]
    return line.rpartition("Error: ")[2]
