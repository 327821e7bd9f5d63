"""Running a store server until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from submariner_core.api.errors import StoreError
from submariner_local.http.server import StoreServer
from submariner_local.sqlite import leases
from submariner_local.sqlite.database import Database
from submariner_local.sqlite.schema import LEASE_COUNTER

_LAST_ANSWERS = 0.5
"""Seconds that requests under way have when the server stops."""


async def serve(
    host: str, port: int, database: Path, token: str, timeout: float, ready: Callable[[str], None]
) -> None:
    """Serve the store in ``database`` on ``host``:``port`` until SIGTERM or SIGINT.

    ``ready`` is called with the url once connections are taken; port 0 chooses a free one. Raises
    :class:`StoreError` when the address or the file cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    records = Database(database, timeout)
    leases_in = Database(database, timeout, LEASE_COUNTER)
    runner = web.AppRunner(
        StoreServer(records, leases_in, token).application(),
        access_log=None,
        shutdown_timeout=_LAST_ANSWERS,
    )
    try:
        await leases_in.write(lambda connection: leases.read(connection, ""))  # makes the file
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise StoreError(
                f"{host}:{port}: cannot listen there ({error.strerror}); "
                "give another --listen, or stop what uses it"
            ) from error
        bound = runner.addresses[0]
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        ready(f"http://{name}:{bound[1]}")
        await stop.wait()
    finally:
        await runner.cleanup()
        await records.close()
        await leases_in.close()
