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
from collections.abc import Awaitable, Callable
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import TypeVar

import structlog

from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_core.reconcile.public_ip import (
    LOAD_BALANCER,
    Source,
    entrance,
    first_address,
    lowest,
    sources,
)

PERIOD = 60.0
"""Seconds between looks; upstream's."""
FIRST_RETRY = 5.0
TIMEOUT = 10.0
"""Seconds that one source may take."""
LARGEST = 4096
"""Bytes of a page that are read."""

log = structlog.get_logger("submariner.public-ip")
_T = TypeVar("_T")
Balancer = Callable[[str], Awaitable[tuple[str, ...] | None]]
"""Tells where the load balancer of a Service is reached: :meth:`Transport.read_load_balancer`."""


async def no_services(_service: str) -> None:
    """The :data:`Balancer` of where there are no Services."""


class PublicIp:
    """What the ``public_ip`` setting comes to now; ``changed`` is called when that changes.

    ``balancer`` is asked for load balancers' addresses. Raises ``ValueError`` for a setting that
    makes no sense.
    """

    def __init__(
        self,
        setting: str,
        changed: Callable[[], None],
        remembered: Path,
        balancer: Balancer = no_services,
    ) -> None:
        self._setting = setting
        self._balancer = balancer
        self._sources = sources(setting)
        self._changed = changed
        self._memory = remembered
        self.problem = ""
        """Why the last look found nothing, or not the load balancer that was to be found."""
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
            pause = min(PERIOD, pause * 2) if self.problem else PERIOD
            if found is not None:
                self._take(found)
            await asyncio.sleep(pause)

    async def _look(self) -> IPv4Address | None:
        """The address by the first source that tells one."""
        failed: list[tuple[Source, str]] = []
        found = None
        for source in self._sources:
            try:
                async with asyncio.timeout(TIMEOUT):
                    found = await resolve(source, self._balancer)
                break
            except (OSError, ValueError, TimeoutError, StoreError) as error:
                failed.append((source, str(error) or f"no answer within {TIMEOUT:.0f} s"))
                if isinstance(error, StoreUnavailable) and self.address is not None:
                    break  # that tells nothing of the load balancer: peers keep the address
            except Exception as error:
                log.exception("transport-bug", source=str(source))
                failed.append((source, f"{type(error).__name__}: {error}"))
        # what may do meanwhile is no reason to keep quiet about a load balancer that never comes
        self._complain(
            [f"{s}: {why}" for s, why in failed if found is None or s.method == LOAD_BALANCER],
            found,
        )
        return found

    def _complain(self, reasons: list[str], found: IPv4Address | None) -> None:
        problem = "public_ip: " + "; ".join(reasons) if reasons else ""
        if problem == self.problem:
            return
        self.problem = problem
        if problem:
            log.warning("not-found", reasons=reasons, used=str(found or self.address))
        self._changed()

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


async def resolve(source: Source, balancer: Balancer = no_services) -> IPv4Address:
    """Ask one source, for a load balancer by way of ``balancer``.

    Raises ``OSError`` or ``ValueError`` when it tells no usable address, and what ``balancer``
    raises.
    """
    match source.method:
        case "ipv4":
            return IPv4Address(source.value)
        case "dns":
            address = await _named(source.value)
        case "lb":
            told = entrance(await balancer(source.value))
            address = told if isinstance(told, IPv4Address) else await _named(told)
        case _:
            address = first_address(await _apart(lambda: _page(source.value)))
    if address is None:
        raise ValueError("no usable IPv4 address in the answer")
    return address


async def _named(name: str) -> IPv4Address | None:
    """The address of a host, by the resolver of this machine."""
    found = await _apart(lambda: socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_DGRAM))
    return lowest(IPv4Address(entry[4][0]) for entry in found)


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
