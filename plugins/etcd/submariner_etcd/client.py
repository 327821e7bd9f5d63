"""Requests and watches at the JSON gateway of one etcd, with time-outs and errors."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_core.api.naming import IPAddress
from submariner_etcd.failure import NotConnected, TokenRefused, in_our_words, json_object, refusal
from submariner_etcd.keys import Change, Found, Json, revision_of, span
from submariner_etcd.options import EtcdOptions
from submariner_etcd.watch import changes

Operations = Sequence[Mapping[str, object]]
SILENCE = 2.0
"""Seconds without an event after which the store is asked whether there should have been one."""


class EtcdClient:
    """One etcd of one or more members. ``timeout`` in seconds is for a whole request.

    One member is asked, and the next once that cannot be reached. There is no other retry: after
    :class:`StoreUnavailable` a write may have happened or not.
    """

    def __init__(self, options: EtcdOptions, timeout: float) -> None:
        self._options = options
        self._timeout = timeout
        self._endpoints = options.endpoints
        self._at = 0
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._token = ""
        self._streams: set[aiohttp.StreamReader] = set()
        self._seen: set[IPAddress] = set(_written(options.endpoints))
        self._closed = False

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The members' addresses: as written, and where their names led."""
        return tuple(sorted(self._seen, key=str))

    async def range(self, key: str, *, below: bool = False) -> Found:
        """The key, or all keys that begin with it, as of one moment."""
        with in_our_words(self._where):
            return Found.of(await self._request("/v3/kv/range", span(key, below=below)))

    async def newest(self, key: str, *, below: bool) -> int:
        """The revision of the latest change to those of these keys that are there; 0 for none."""
        order = {"sort_order": "DESCEND", "sort_target": "MOD", "limit": "1", "keys_only": True}
        with in_our_words(self._where):
            asked = {**span(key, below=below), **order}
            found = Found.of(await self._request("/v3/kv/range", asked))
        return max((one.modified for one in found.keys), default=0)

    async def read(self, operations: Operations) -> tuple[Found, ...]:
        """Several ranges as of the same moment."""
        with in_our_words(self._where):
            answer = await self._request("/v3/kv/txn", {"success": operations})
            revision = revision_of(answer)
            return tuple(
                Found(revision, Found.of({**answer, **one["response_range"]}).keys)
                for one in answer["responses"]
            )

    async def write(self, conditions: Operations, operation: Mapping[str, object]) -> int | None:
        """Do it if all conditions hold: the revision of the change, ``None`` if one does not."""
        with in_our_words(self._where):
            answer = await self._request(
                "/v3/kv/txn", {"compare": conditions, "success": [operation]}
            )
            return revision_of(answer) if answer.get("succeeded") else None

    async def watch(
        self, key: str, revision: int, *, below: bool = False
    ) -> AsyncGenerator[tuple[Change, ...], None]:
        """What happens to the key, or to all that begin with it, from ``revision`` on.

        Raises :class:`Compacted` where that is no longer known, and StoreUnavailable when the
        store goes away, or when events stay out though there were changes.
        """
        asked = {"create_request": {**span(key, below=below), "start_revision": str(revision)}}
        async with contextlib.AsyncExitStack() as stack:
            with in_our_words(self._where):
                async with asyncio.timeout(self._timeout):
                    response = await stack.enter_async_context(
                        await self._post("/v3/watch", asked)
                    )
            self._streams.add(response.content)
            stack.callback(self._streams.discard, response.content)
            told = changes(
                response.content,
                self._where,
                SILENCE,
                revision - 1,
                lambda: self.newest(key, below=below),
            )
            async with contextlib.aclosing(told) as events:
                async for some in events:
                    yield some

    async def close(self) -> None:
        """Release connections, and end watches. May be called twice."""
        self._closed = True
        for content in self._streams:  # closing the session alone leaves their readers waiting
            content.set_exception(StoreUnavailable(f"{self._where}: this store was closed"))
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    # ---- within

    @property
    def _where(self) -> str:
        return self._endpoints[self._at]

    async def _request(self, path: str, body: Mapping[str, object]) -> Json:
        async with asyncio.timeout(self._timeout):
            async with await self._post(path, body) as response:
                return json_object(await response.read())

    async def _post(self, path: str, body: Mapping[str, object]) -> aiohttp.ClientResponse:
        """The answer to a request of whoever may ask it."""
        try:
            return await self._any(path, body)
        except TokenRefused:
            self._token = ""  # expired, or of an etcd that was rebuilt
            return await self._any(path, body)

    async def _any(self, path: str, body: Mapping[str, object]) -> aiohttp.ClientResponse:
        """The answer of the first member that can be reached; another is next if one cannot be."""
        for tries in range(len(self._endpoints), 0, -1):
            try:
                return await self._one(path, body)
            except NotConnected:
                self._next()
                if tries == 1:
                    raise
            except StoreUnavailable:
                self._next()
                raise
            except asyncio.CancelledError:  # as a time-out does
                self._next()
                raise
        raise AssertionError("there is at least one endpoint")

    def _next(self) -> None:
        self._at = (self._at + 1) % len(self._endpoints)

    async def _one(self, path: str, body: Mapping[str, object]) -> aiohttp.ClientResponse:
        where = self._where
        with in_our_words(where):
            session = await self._open()
            if self._options.username is not None and not self._token:
                self._token = await self._authenticate(session, where)
            headers = {"Authorization": self._token} if self._token else {}
            response = await session.post(where + path, json=body, headers=headers)
            self._note(response)
            if response.status != 200:
                async with response:
                    raise refusal(where, response.status, await response.read())
            return response

    async def _authenticate(self, session: aiohttp.ClientSession, where: str) -> str:
        options = self._options
        assert options.password_file is not None
        try:
            password = await asyncio.to_thread(options.password_file.read_text, "utf-8")
        except OSError as error:
            raise StoreError(f"password_file {options.password_file}: {error.strerror}") from None
        who = {"name": options.username, "password": password.rstrip("\r\n")}
        async with session.post(f"{where}/v3/auth/authenticate", json=who) as response:
            answer = await response.read()
            if response.status != 200:
                raise refusal(where, response.status, answer)
            return str(json_object(answer)["token"])

    async def _open(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._closed:
                raise StoreUnavailable(f"{self._where}: this store was closed")
            if self._session is None:
                context: ssl.SSLContext | bool = True
                if self._options.secure:
                    context = await asyncio.to_thread(_context, self._options)
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, ssl=context),
                    timeout=aiohttp.ClientTimeout(),
                )
            return self._session

    def _note(self, response: aiohttp.ClientResponse) -> None:
        """Remember where the member was found."""
        connection = response.connection
        transport = connection.transport if connection is not None else None
        peer: Any = transport.get_extra_info("peername") if transport is not None else None
        if peer is not None:
            self._seen.add(ip_address(peer[0]))


def _context(options: EtcdOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
        if options.cert_file is not None:
            context.load_cert_chain(options.cert_file, options.key_file)
    except OSError as error:  # ssl.SSLError is one
        files = (options.ca_file, options.cert_file, options.key_file)
        names = ", ".join(str(file) for file in files if file is not None)
        raise StoreError(f"{names}: no certificate can be read there: {error}") from None
    return context


def _written(endpoints: Sequence[str]) -> Iterator[IPAddress]:
    for url in endpoints:
        with contextlib.suppress(ValueError):  # a name
            yield ip_address(urlsplit(url).hostname or "")
