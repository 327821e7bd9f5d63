"""Keeps the own public address up to date, in the background: nobody waits for it.

The last address found is kept on disk and used until another is found: a resolver that is away
changes nothing, at the start neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import urllib.request
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import TypeVar

import structlog

from submariner_core.reconcile.public_ip import Source, first_address, lowest, sources

PERIOD = 60.0
"""Seconds between looks; upstream's."""
FIRST_RETRY = 5.0
TIMEOUT = 10.0
"""Seconds that one source may take."""
LARGEST = 4096
"""Bytes of a page that are read."""

log = structlog.get_logger("submariner.public-ip")
_T = TypeVar("_T")


class PublicIp:
    """What the ``public_ip`` setting comes to now; ``changed`` is called when that changes.

    Raises ``ValueError`` for a setting that makes no sense.
    """

    def __init__(self, setting: str, changed: Callable[[], None], remembered: Path) -> None:
        self._setting = setting
        self._sources = sources(setting)
        self._changed = changed
        self._memory = remembered
        self.problem = ""
        """Why the last look found nothing."""
        first = self._sources[0] if self._sources else None
        if first is not None and first.method == "ipv4":
            self.address: IPv4Address | None = IPv4Address(first.value)
        else:
            self.address = self._remembered() if first is not None else None

    async def run(self) -> None:
        """Look until cancelled; once, if there is nothing that could change."""
        pause = FIRST_RETRY
        while self._sources and self._sources[0].method != "ipv4":
            found = await self._look()
            if found is None:
                pause = min(PERIOD, pause * 2)
            else:
                pause = PERIOD
                self._take(found)
            await asyncio.sleep(pause)

    async def _look(self) -> IPv4Address | None:
        """The address by the first source that tells one."""
        reasons = []
        for source in self._sources:
            try:
                async with asyncio.timeout(TIMEOUT):
                    found = await resolve(source)
            except (OSError, ValueError, TimeoutError) as error:
                reasons.append(f"{source}: {error or f'no answer within {TIMEOUT:.0f} s'}")
                continue
            self.problem = ""
            return found
        problem = "public_ip: " + "; ".join(reasons)
        if problem != self.problem:
            self.problem = problem
            log.warning("not-found", reasons=reasons, kept=str(self.address))
            self._changed()
        return None

    def _take(self, found: IPv4Address) -> None:
        if found == self.address:
            return
        log.info("found", address=str(found), before=str(self.address))
        self.address = found
        with contextlib.suppress(OSError):
            self._memory.write_text(f"{found} {self._setting}\n")
        self._changed()

    def _remembered(self) -> IPv4Address | None:
        """What an earlier process found by the same setting."""
        try:
            text, _, setting = self._memory.read_text().rstrip("\n").partition(" ")
            return IPv4Address(text) if setting == self._setting else None
        except (OSError, UnicodeDecodeError, AddressValueError):
            return None


async def resolve(source: Source) -> IPv4Address:
    """Ask one source. Raises ``OSError`` or ``ValueError`` when it tells no usable address."""
    match source.method:
        case "ipv4":
            return IPv4Address(source.value)
        case "dns":
            name = source.value
            found = await _apart(
                lambda: socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_DGRAM)
            )
            address = lowest(IPv4Address(entry[4][0]) for entry in found)
        case _:
            address = first_address(await _apart(lambda: _page(source.value)))
    if address is None:
        raise ValueError("no usable IPv4 address in the answer")
    return address


def _page(place: str) -> str:
    """The beginning of a web page; proxies as the environment has them."""
    with urllib.request.urlopen(f"https://{place}", timeout=TIMEOUT) as page:
        beginning: bytes = page.read(LARGEST)
    return beginning.decode("utf-8", "replace")


async def _apart(call: Callable[[], _T]) -> _T:
    """The result of a blocking call, from a thread that nobody waits for when it is given up."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def settle(result: _T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except Exception as raised:  # noqa: BLE001 - raised again where it is awaited
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop may be gone meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="public-ip", daemon=True).start()
    return await done
