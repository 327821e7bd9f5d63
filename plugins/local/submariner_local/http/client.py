"""Requests and streams to a store server, with its time-outs and errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp

from submariner_core.api.errors import StaleEpoch, StoreError, StoreUnavailable
from submariner_core.api.naming import IPAddress
from submariner_local.encoding import encode
from submariner_local.http.wire import SILENCE, STREAM_TYPE, Json

T = TypeVar("T")

# What parsing an answer raises that no store server gave.
_NOT_OURS = (ValueError, KeyError, TypeError, RecursionError)
_LONGEST_LINE = 256 * 2**20


class StoreClient:
    """One server. ``timeout`` in seconds is for a whole request, or for a stream's beginning.

    ``token`` is asked at first and again after the server refused what it gave, so that a token
    file can be rotated.
    """

    def __init__(self, url: str, token: Callable[[], str], timeout: float) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._authorization: dict[str, str] = {}
        self._streams: set[aiohttp.StreamReader] = set()
        self._closed = False
        self._peers = _written(self._url)

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The server's address: as written in the url, or where its name last led."""
        return self._peers

    async def request(
        self,
        method: str,
        path: str,
        parse: Callable[[Json], T],
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
    ) -> T:
        """The parsed answer to one request. Raises :class:`StoreError` for anything else."""
        data = None
        if body is not None:
            try:
                data = encode(body)
            except ValueError as error:
                raise StoreError(f"{self._url}: not sent: {error}") from None
        with self._errors():
            async with asyncio.timeout(self._timeout):
                session = await self._open()
                async with session.request(
                    method, self._url + path, params=params, data=data, headers=self._authorization
                ) as response:
                    answer = await response.read()
                    self._check(response.status, answer)
                    return parse(_object(answer))

    async def stream(
        self, path: str, parse: Callable[[Json], T], params: list[tuple[str, str]]
    ) -> AsyncGenerator[T, None]:
        """The parsed lines of a stream, heartbeats left out. It ends by StoreUnavailable only."""
        with self._errors():
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(self._timeout):
                    session = await self._open()
                    response = await stack.enter_async_context(
                        session.get(
                            self._url + path,
                            params=params,
                            headers=self._authorization,
                            timeout=aiohttp.ClientTimeout(sock_read=SILENCE),
                        )
                    )
                    self._note(response)
                if response.status != 200:
                    self._check(response.status, await response.read())
                if response.content_type != STREAM_TYPE:
                    raise ValueError(f"a stream, not {response.content_type}")
                self._streams.add(response.content)
                stack.callback(self._streams.discard, response.content)
                async for line in _lines(response.content):
                    value = _object(line)
                    if value.get("type") == "error":
                        raise StoreUnavailable(f"{self._url}: {value.get('message')}")
                    if value.get("type") != "heartbeat":
                        yield parse(value)
                raise StoreUnavailable(f"{self._url}: the server closed the stream")

    async def close(self) -> None:
        """Release connections, and end streams. May be called twice."""
        self._closed = True
        for content in self._streams:  # closing the session alone leaves their readers waiting
            content.set_exception(StoreUnavailable(f"{self._url}: this store was closed"))
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _open(self) -> aiohttp.ClientSession:
        if not self._authorization:
            token = await asyncio.to_thread(self._token)
            self._authorization = {"Authorization": f"Bearer {token}"}
        if self._closed:
            raise StoreUnavailable(f"{self._url}: this store was closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout()
            )
        return self._session

    def _note(self, response: aiohttp.ClientResponse) -> None:
        """Remember where the server was found."""
        connection = response.connection
        transport = connection.transport if connection is not None else None
        peer = transport.get_extra_info("peername") if transport is not None else None
        if peer is not None:
            self._peers = (ip_address(peer[0]),)

    def _check(self, status: int, answer: bytes) -> None:
        """Raise what an answer stands for, unless it is a good one."""
        if 200 <= status < 300:
            return
        if status == 401:
            self._authorization = {}
            raise StoreError(
                f"{self._url}: the server refused the token; token_file (or token) must hold what "
                "the server's --token-file holds"
            )
        try:
            error = _object(answer)
            message = str(error["message"])
        except (ValueError, KeyError):
            raise StoreError(
                f"{self._url}: answered {status} as no store server does; check the url"
            ) from None
        if status == 409:
            raise StaleEpoch(int(error["stored"]), int(error["offered"]), str(error["cluster_id"]))
        if status == 503:
            raise StoreUnavailable(f"{self._url}: {message}")
        raise StoreError(f"{self._url}: {message}")

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise StoreUnavailable(f"{self._url}: no answer in time; is it reachable?") from None
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno or 0
            reason = os.strerror(number) if number > 0 else error.os_error.strerror
            raise StoreUnavailable(
                f"{self._url}: {reason}; is `submariner store serve` running there?"
            ) from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise StoreUnavailable(f"{self._url}: connection lost ({error})") from error
        except (aiohttp.ClientError, *_NOT_OURS) as error:
            raise StoreError(
                f"{self._url}: answered as no store server does ({error}); check the url"
            ) from error


def _written(url: str) -> tuple[IPAddress, ...]:
    try:
        return (ip_address(urlsplit(url).hostname or ""),)
    except ValueError:
        return ()  # a name


def _object(text: bytes) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"an object, not {type(value).__name__}")  # noqa: TRY004 - from outside
    return value


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length: a snapshot of many clusters is one of megabytes."""
    parts: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            yield b"".join((*parts, end))
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > _LONGEST_LINE:
            raise ValueError(f"a line of more than {_LONGEST_LINE} bytes")
