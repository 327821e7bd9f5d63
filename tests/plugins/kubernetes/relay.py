"""What stands between a client and an API server, and does to their bytes as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator


class Relay:
    """Passes connections on to a port of this machine. ``address`` is where it listens.

    ``delay`` is how many seconds each piece is held back, either way.
    """

    def __init__(self, port: int) -> None:
        self.delay = 0.0
        self.address: tuple[str, int] = ("", 0)
        self.connections = 0
        self._port = port
        self._flows: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self, listener: socket.socket | None = None) -> AsyncIterator[None]:
        """While the context is open; at a socket that may be of another namespace."""
        listener = listener or socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        server = await asyncio.start_server(self._serve, sock=listener)
        try:
            yield
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._flows, return_exceptions=True)

    def cut(self) -> None:
        """End all connections that stand."""
        for flow in self._flows:
            flow.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._flows.add(task)
        try:
            await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # as a cable that is cut
        finally:
            self._flows.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass(reader, back))
                ways.create_task(self._pass(there, writer))
        except* OSError:
            pass
        finally:
            back.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One way; each piece is as late as the ones before it."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        async def deliver() -> None:
            while True:
                due, piece = await waiting.get()
                await asyncio.sleep(due - loop.time())
                writer.write(piece)
                if not piece:
                    raise ConnectionResetError
                await writer.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(deliver())
            while True:
                piece = await reader.read(65536)
                waiting.put_nowait((loop.time() + self.delay, piece))
                if not piece:
                    break
