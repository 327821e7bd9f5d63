"""The program ``whack``, which speaks with pluto: run with a time-out, a few at a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from submariner_core.api.errors import CableError
from submariner_libreswan import process
from submariner_libreswan.daemon import DaemonGone

TIMEOUT = 5.0
AT_ONCE = 8
_LIBEXEC = "/usr/libexec/ipsec"
_GONE = ("is Pluto running?", "connection reset", "Connection reset", "broken pipe", "Broken pipe")
_UNKNOWN = "no connection named"


@dataclass(frozen=True, slots=True)
class Answer:
    """What whack printed, and its exit status, which is the last code that pluto gave."""

    code: int
    text: str

    @property
    def unknown(self) -> bool:
        """Whether pluto has no connection of that name."""
        return _UNKNOWN in self.text

    @property
    def said(self) -> str:
        """The last line, for an error, without its code."""
        lines = [line for line in self.text.splitlines() if line.strip()]
        return lines[-1][4:].strip() if lines else f"nothing (exit status {self.code})"


class Silent(DaemonGone):
    """Pluto is there and does not answer: it hangs, or has very much to do."""


class Whack:
    """Runs whack against one pluto. ``prefix`` is put before every command."""

    def __init__(self, socket: Path, prefix: Sequence[str] = ()) -> None:
        self._socket = socket
        self._prefix = tuple(prefix)
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def ask(self, *words: str) -> Answer:
        """One request.

        Raises :class:`DaemonGone` where nobody listens, :class:`Silent` where nobody answers in
        time, and :class:`CableError` where whack cannot be run.
        """
        if not self._socket.exists():
            raise DaemonGone(f"pluto does not run: there is no {self._socket}")
        command = (*self._prefix, program("whack"), "--ctlsocket", str(self._socket), *words)
        async with self._turn:
            try:
                answer = await run(command, TIMEOUT)
            except TimeoutError:
                raise Silent(
                    f"pluto did not answer whack {words[0]} in {TIMEOUT:g} s: see what keeps it, "
                    "or end it"
                ) from None
        if answer.code and any(sign in answer.text for sign in _GONE):
            raise DaemonGone("pluto has gone: its socket is there, but nobody listens")
        return answer

    async def lives(self) -> bool:
        """Whether somebody listens. Raises :class:`CableError` for one that hangs."""
        try:
            await self.ask("--briefstatus")
        except Silent as error:
            raise CableError(f"daemon libreswan: {error}") from None
        except DaemonGone:
            return False
        return True


def program(name: str) -> str:
    """Where a program of Libreswan's is, which is on nobody's PATH."""
    return process.find(name) or f"{_LIBEXEC}/{name}"


async def run(command: Sequence[str], timeout: float) -> Answer:
    """Run a program to its end, without a terminal.

    Raises :class:`TimeoutError`, and :class:`CableError` where there is no such program.
    """
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath)},  # not ours, with its secrets
            cwd="/",
        )
    except FileNotFoundError:
        raise CableError(
            f"daemon libreswan: {command[0]} is not installed: apt-get install libreswan "
            "libnss3-tools, or set options.libreswan.daemon: strongswan"
        ) from None
    try:
        async with asyncio.timeout(timeout):
            said, _ = await child.communicate()
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return Answer(child.returncode or 0, said.decode("utf-8", "replace"))
