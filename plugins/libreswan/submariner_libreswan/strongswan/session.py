"""vici behind threads: the library blocks, and takes one request at a time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import vici.session
from vici.exception import (
    CommandException,
    DeserializationException,
    EventUnknownException,
    SessionException,
)

from submariner_core.api.errors import CableError
from submariner_libreswan.daemon import DaemonGone

TIMEOUT = 8.0
"""Seconds for one answer; charon answers in milliseconds, or hangs."""
EVENTS = ("log", "ike-updown", "child-updown", "ike-rekey", "child-rekey")

_HANG_UPS = (
    OSError,
    SessionException,
    EventUnknownException,
    DeserializationException,
    RuntimeError,
    ValueError,
    struct.error,
)

Message = Mapping[str, Any]
_T = TypeVar("_T")

_vici: Callable[[socket.socket], Any] = vici.session.Session


class Session:
    """Requests to one charon, in turn. Made by :meth:`begin`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._session = _vici(connection)
        self._executor = ThreadPoolExecutor(1, "vici")
        self.broken = False
        """An answer is missing: what comes next would be taken for it, so nothing is asked."""

    @classmethod
    async def begin(cls, path: Path) -> Session | None:
        """A session with the charon that listens at ``path``; ``None`` where none does."""
        connection = await asyncio.to_thread(_connected, path, TIMEOUT)
        return None if connection is None else cls(connection)

    @property
    def pid(self) -> int:
        """The process that listens."""
        credentials = self._connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid: int = struct.unpack("3i", credentials)[0]
        return pid

    async def request(self, command: str, message: Message | None = None) -> dict[str, Any]:
        """One answer. Raises :class:`CableError` with charon's refusal, or :class:`DaemonGone`."""
        return await self._run(lambda: self._session.request(command, message), command)

    async def listing(
        self, command: str, event: str, message: Message | None = None
    ) -> list[dict[str, Any]]:
        """All that a command lists; read to its end, or the session would be out of step."""
        return await self._run(
            lambda: list(self._session.streamed_request(command, event, message or {})), command
        )

    async def close(self) -> None:
        """Hang up, also in the middle of a request. May be called twice."""
        _hang_up(self._connection)
        await asyncio.to_thread(self._executor.shutdown)
        self._connection.close()

    async def _run(self, call: Callable[[], _T], command: str) -> _T:
        if self.broken:
            raise DaemonGone(f"charon hung up before {command}")
        loop = asyncio.get_running_loop()

        def asked() -> _T:
            try:
                return call()
            except CommandException:
                raise
            except BaseException:
                self.broken = True  # also where nobody waits for this answer any more
                raise

        try:
            # the library takes the socket's time-out off once an answer has begun
            async with asyncio.timeout(TIMEOUT + 1.0):
                return await loop.run_in_executor(self._executor, asked)
        except CommandException as error:
            raise CableError(f"charon refuses {command}: {_words(error)}") from None
        except TimeoutError:
            reason = f"charon does not answer {command} within {TIMEOUT:.0f} s: is it stopped?"
        except _HANG_UPS as error:
            reason = f"charon hung up during {command}: {error}"
        self.broken = True
        _hang_up(self._connection)
        raise DaemonGone(reason)


class Events:
    """What charon tells by itself, from a thread of its own to the loop that began it."""

    def __init__(self, connection: socket.socket, told: Callable[[str, Message], None]) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._told = told
        self.ended = asyncio.Event()
        """charon hung up, or :meth:`close` did."""
        self._thread = threading.Thread(target=self._listen, name="vici events", daemon=True)
        self._thread.start()

    @classmethod
    async def begin(cls, path: Path, told: Callable[[str, Message], None]) -> Events:
        """Call ``told`` in this loop for each event. Raises :class:`DaemonGone`."""
        connection = await asyncio.to_thread(_connected, path, None)
        if connection is None:
            raise DaemonGone(f"charon is gone from {path}")
        return cls(connection, told)

    async def close(self) -> None:
        """Stop listening. May be called twice."""
        _hang_up(self._connection)
        await asyncio.to_thread(self._thread.join)

    def _listen(self) -> None:
        session = _vici(self._connection)
        try:
            for name, message in self._heard(session):
                self._post(self._told, name, message)
        except OSError:
            pass  # hung up, by either end
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing is heard any more
            self._post(self._told, "", {"reason": str(error)})
        finally:
            self._connection.close()
            self._post(self.ended.set)

    @staticmethod
    def _heard(session: Any) -> Iterator[tuple[str, Message]]:
        for name, message in session.listen(list(EVENTS)):
            yield _text(name), message

    def _post(self, call: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(call, *arguments)


def _connected(path: Path, timeout: float | None) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout or TIMEOUT)
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    connection.settimeout(timeout)
    return connection


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _words(error: Exception) -> str:
    return str(error).removeprefix("Command failed: ")
