"""A connection to a userspace device's socket, kept open: its end tells that the daemon died."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Self

from submariner_core.api.errors import CableError
from submariner_wireguard.uapi import END

TIMEOUT = 5.0
"""Seconds that an answer may take."""


class Conversation(asyncio.Protocol):
    """One request at a time.

    ``ended`` is set, and ``on_end`` called with the conversation, when either side hung up.
    """

    def __init__(self, device: str, on_end: Callable[[Conversation], None]) -> None:
        self.ended = asyncio.Event()
        self.device = device
        self._on_end = on_end
        self._lock = asyncio.Lock()
        self._transport: asyncio.Transport | None = None
        self._heard = bytearray()
        self._answer: asyncio.Future[str] | None = None

    @classmethod
    async def begin(
        cls, device: str, socket: Path, on_end: Callable[[Conversation], None]
    ) -> Self | None:
        """A conversation with the daemon behind ``socket``, ``None`` if there is none."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT):
                _, protocol = await loop.create_unix_connection(
                    lambda: cls(device, on_end), str(socket)
                )
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except (OSError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or "no answer"
            raise CableError(
                f"device {device}: {socket} cannot be reached ({reason}): "
                "the gateway must run as root beside wireguard-go"
            ) from None
        return protocol

    async def ask(self, request: str) -> str:
        """The answer to a request. Raises :class:`CableError`, without a word of either."""
        async with self._lock:
            if self._transport is None or self.ended.is_set():
                raise CableError(f"device {self.device}: its wireguard-go is gone")
            self._heard.clear()
            self._answer = asyncio.get_running_loop().create_future()
            try:
                self._transport.write(request.encode("ascii"))
                async with asyncio.timeout(TIMEOUT):
                    return await self._answer
            except TimeoutError:
                self.end()
                raise CableError(
                    f"device {self.device}: wireguard-go did not answer in {TIMEOUT:.0f} s"
                ) from None
            except asyncio.CancelledError:
                self.end()  # else its answer would be taken for the next one's
                raise
            finally:
                self._answer = None

    def end(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    async def ended_for_good(self) -> None:
        """Hang up, and wait until the socket is released."""
        self.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT):
                await self.ended.wait()

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect until the empty line that ends an answer."""
        self._heard += data
        if self._answer is not None and not self._answer.done() and self._heard.endswith(END):
            self._answer.set_result(self._heard.decode("ascii", "replace"))

    def connection_lost(self, _: Exception | None) -> None:
        """Whoever waits is told."""
        self.ended.set()
        self._on_end(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(CableError(f"device {self.device}: wireguard-go hung up"))
