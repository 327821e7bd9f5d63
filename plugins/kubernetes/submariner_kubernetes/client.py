"""Requests and watches at one API server, with its time-outs and errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

import aiohttp
from kubernetes.aio.client.exceptions import OpenApiException

from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_core.api.naming import IPAddress
from submariner_kubernetes.access import Access, open_access
from submariner_kubernetes.failure import Overloaded, TokenRefused, refusal
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import Object, Page, Resource

GRACE = 10.0
"""Seconds that a watch may outlast the time it was asked for; then nobody is at its other end."""
_CONTENT = {"PATCH": {"Content-Type": "application/merge-patch+json"}}
_LONGEST_LINE = 16 * 2**20


class KubeClient:
    """One API server in one role. ``timeout`` in seconds is for a whole request."""

    def __init__(self, options: KubernetesOptions, role: str, timeout: float) -> None:
        self._options = options
        self._role = role
        self._timeout = timeout
        self._access: Access | None = None
        self._opening = asyncio.Lock()
        self._seen: set[str] = set()
        self._streams: set[aiohttp.StreamReader] = set()
        self._asking: set[asyncio.Timeout] = set()
        self._nobody_asks = asyncio.Event()
        self._rests_until = 0.0
        self._closed = False
        self._name = options.url or str(options.kubeconfig or "the cluster's API server")

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """Addresses to which connections were made."""
        return tuple(ip_address(address) for address in sorted(self._seen))

    async def get(self, resource: Resource, name: str) -> Object:
        """One object, as it is now. Raises :class:`Missing`."""
        return await self._request("GET", resource, name)

    async def list(self, resource: Resource, **query: str) -> Object:
        """The list object of all that is there now."""
        return await self._request("GET", resource, query=query)

    async def read(self, path: str) -> Object:
        """What stands at a path, such as ``/apis``."""
        return await self._request("GET", Page("", "", path))

    async def create(self, resource: Resource, body: Object) -> Object:
        """Create; the object as stored. Raises :class:`Conflict` if there is one."""
        return await self._request("POST", resource, body=body)

    async def replace(self, resource: Resource, name: str, body: Object) -> Object:
        """Replace; the object as stored. :class:`Conflict` if it is not of ``body``'s version."""
        return await self._request("PUT", resource, name, body=body)

    async def patch(self, resource: Resource, name: str, change: Object) -> Object:
        """Merge ``change`` into an object; the object as stored. Raises :class:`Missing`."""
        return await self._request("PATCH", resource, name, body=change)

    async def delete(self, resource: Resource, name: str, expected: Object | None) -> None:
        """Delete, if it is still ``expected``. Raises :class:`Missing`, :class:`Conflict`."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if expected is not None:
            meta = expected["metadata"]
            body["preconditions"] = {key: meta[key] for key in ("uid", "resourceVersion")}
        await self._request("DELETE", resource, name, body=body)

    async def watch(
        self, resource: Resource, version: str, seconds: int, **query: str
    ) -> AsyncGenerator[Object, None]:
        """The events since ``version``, until the server ends it after ``seconds``."""
        asked = {
            **query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        patience = aiohttp.ClientTimeout(sock_read=seconds + GRACE)
        with self._errors():
            async with contextlib.AsyncExitStack() as stack:
                async with self._in_time():
                    response = await self._send("GET", resource, "", asked, None, patience)
                    stack.callback(response.close)
                    if response.status != 200:
                        self._check(resource, response, await response.read())
                self._streams.add(response.content)
                stack.callback(self._streams.discard, response.content)
                async for line in _lines(response.content):
                    yield _object(line)

    async def namespace(self) -> str:
        """The namespace that namespaced objects are in."""
        return (await self._open()).namespace

    async def close(self) -> None:
        """Release connections, and end watches. May be called twice."""
        self._closed = True
        for content in self._streams:  # closing the session alone leaves their readers waiting
            content.set_exception(self._was_closed())
        for limit in self._asking:  # nor may one begin to connect in a session that is closed
            if not limit.expired():
                limit.reschedule(0)
        while self._asking:
            self._nobody_asks.clear()
            await self._nobody_asks.wait()
        access, self._access = self._access, None
        if access is not None:
            await access.close()

    async def _request(
        self,
        method: str,
        resource: Resource,
        name: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
    ) -> Object:
        with self._errors():
            async with self._in_time():
                try:
                    return await self._answered(method, resource, name, query, body)
                except TokenRefused:
                    # its file may hold a newer one
                    return await self._answered(method, resource, name, query, body)

    async def _answered(
        self,
        method: str,
        resource: Resource,
        name: str,
        query: Mapping[str, str] | None,
        body: Object | None,
    ) -> Object:
        response = await self._send(method, resource, name, query, body, aiohttp.ClientTimeout())
        answer = await response.read()
        self._check(resource, response, answer)
        return _object(answer)

    async def _send(
        self,
        method: str,
        resource: Resource,
        name: str,
        query: Mapping[str, str] | None,
        body: Object | None,
        patience: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        access = await self._open()
        wait = self._rests_until - time.clock_gettime(time.CLOCK_BOOTTIME)
        if wait > 0:
            raise Overloaded(f"{self._name}: overloaded; it asked to wait {wait:.1f} s more", wait)
        parameters = await access.api.param_serialize(
            method,
            resource.path(access.namespace, name),
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", **_CONTENT.get(method, {})},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = await access.api.call_api(
            *parameters, _request_timeout=patience, _preload_content=False
        )
        response: aiohttp.ClientResponse = answer.response
        return response

    async def _open(self) -> Access:
        async with self._opening:
            if self._closed:
                raise self._was_closed()
            if self._access is None:
                self._access = await open_access(self._options, self._role, self._seen)
                self._name = self._access.server
            return self._access

    @contextlib.asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """What ends in time, and at once when this client is closed."""
        try:
            async with asyncio.timeout(self._timeout) as limit:
                self._asking.add(limit)
                try:
                    yield
                finally:
                    self._asking.discard(limit)
                    self._nobody_asks.set()
        except TimeoutError:
            if self._closed:
                raise self._was_closed() from None
            raise

    def _was_closed(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: this store was closed")

    def _check(self, resource: Resource, response: aiohttp.ClientResponse, answer: bytes) -> None:
        """Raise what an answer stands for, unless it is a good one."""
        if 200 <= response.status < 300:
            return
        error = refusal(self._name, resource, response.status, response.headers, answer)
        if isinstance(error, TokenRefused) and self._access and self._access.token:
            self._access.token.forget()
        if isinstance(error, Overloaded):
            now = time.clock_gettime(time.CLOCK_BOOTTIME)
            self._rests_until = now + error.seconds
        raise error

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise StoreUnavailable(f"{self._name}: no answer in time; is it reachable?") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise StoreError(
                f"{self._name}: its certificate is not trusted ({error.certificate_error}); "
                "give its CA by ca, ca_file or credentials"
            ) from None
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno or 0
            reason = os.strerror(number) if number > 0 else str(error.os_error)
            raise StoreUnavailable(f"{self._name}: {reason}") from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise StoreUnavailable(f"{self._name}: connection lost ({error})") from error
        except (aiohttp.ClientError, OpenApiException, ValueError, RecursionError) as error:
            raise StoreError(
                f"{self._name}: answered as no API server does ({error}); check the url"
            ) from error
        except RuntimeError as error:  # aiohttp's, for what was closed beneath a reader
            raise StoreUnavailable(f"{self._name}: connection lost ({error})") from error


def _object(text: bytes) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"an object, not {type(value).__name__}")  # noqa: TRY004 - from outside
    return value


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length: an object may have 1 MiB and more."""
    parts: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            if line := b"".join((*parts, end)):
                yield line
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > _LONGEST_LINE:
            raise ValueError(f"a line of more than {_LONGEST_LINE} bytes")
