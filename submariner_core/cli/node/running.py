"""Whether daemons of this host run, and keeping gateways from starting meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_address

from submariner_core.api.errors import ConfigError, SubmarinerError
from submariner_core.config import Settings
from submariner_core.engine.control import SOCKET
from submariner_core.engine.identity import HostLock

LOCK = "gateway.lock"
PATIENCE = 2.0
"""Seconds for a daemon that is just ending, and for an answer."""


class StillRunning(SubmarinerError):
    """A daemon of this host would put back what is removed."""


@contextlib.asynccontextmanager
async def nothing_runs(settings: Settings, *, force: bool) -> AsyncIterator[None]:
    """No daemon of this host runs, and no gateway can start meanwhile.

    Raises :class:`StillRunning` otherwise, unless ``force``. The lock and what a killed gateway
    left beside it go at the end, and the state folder too if nothing else is in it.
    """
    path = settings.state_dir / LOCK
    lock = HostLock(path)
    try:
        if not await _acquired(lock) and not force:
            raise StillRunning(
                f"a gateway of this host runs (it holds {path}): stop it first, or give --force"
            )
        if not force and await route_agent_answers(settings):
            raise StillRunning(
                f"a route agent of this host runs (on port {settings.metrics.route_agent_port}) "
                "and would put everything back: stop it first, or give --force"
            )
        yield
    finally:
        if lock.held:
            for left in (settings.state_dir / SOCKET, path):
                left.unlink(missing_ok=True)
            lock.release()
            with contextlib.suppress(OSError):  # something else is in it
                path.parent.rmdir()


async def route_agent_answers(settings: Settings) -> bool:
    """Whether a route agent of this host serves its metrics."""
    port, host = settings.metrics.route_agent_port, settings.metrics.address
    if not port:
        return False
    with contextlib.suppress(ValueError):
        host = "localhost" if ip_address(host).is_unspecified else host
    try:
        async with asyncio.timeout(PATIENCE):
            return b"submariner_routeagent_" in await _get(host, port)
    except OSError:  # TimeoutError is one
        return False


async def _acquired(lock: HostLock) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await lock.wait()
    except TimeoutError:
        return False
    except OSError as error:
        raise ConfigError(f"state_dir: {error.filename}: {error.strerror}; run as root") from error
    return True


async def _get(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
