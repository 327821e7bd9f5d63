"""The store server: one SQLite file for many machines."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog
from aiohttp import web

from submariner_core.api.errors import RecordMalformed, StaleEpoch, StoreError, StoreUnavailable
from submariner_core.api.transport import Kind
from submariner_local.encoding import encode
from submariner_local.http import wire
from submariner_local.sqlite import leases
from submariner_local.sqlite.database import Database
from submariner_local.sqlite.store import FileTransport, LeaseWatch, RecordWatch

log = structlog.get_logger("submariner.local")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LARGEST_REQUEST = 16 * 2**20
_STUCK = 10.0
"""Seconds after which a reader that takes nothing, or answers no packet, is dropped."""


class _Watch(Protocol):
    async def next(self, timeout: float | None) -> tuple[Any, ...]: ...


class StoreServer:
    """The requests of a store server. Leases have a connection of their own: they never queue."""

    def __init__(self, records: Database, leases_in: Database, token: str) -> None:
        self._records = records
        self._leases = leases_in
        self._transport = FileTransport(records)
        self._authorization = f"Bearer {token}".encode()
        self._streams: set[asyncio.Task[None]] = set()

    def application(self) -> web.Application:
        """The aiohttp application; its shutdown ends all streams at once."""
        app = web.Application(
            client_max_size=_LARGEST_REQUEST, middlewares=[self._errors, self._authorized]
        )
        app.router.add_put(wire.RECORD_PATH, self._put)
        app.router.add_delete(wire.RECORD_PATH, self._delete)
        app.router.add_get(wire.RECORDS_PATH, self._watch_records)
        app.router.add_get(wire.LEASE_PATH, self._read_lease)
        app.router.add_post(wire.LEASE_PATH, self._swap_lease)
        app.router.add_get(wire.LEASES_PATH, self._watch_lease)
        app.on_shutdown.append(self._end_streams)
        return app

    # ---- around every request

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Errors as a status and a message that the client turns back into the same error."""
        try:
            return await handler(request)
        except StaleEpoch as error:
            return _refusal(
                409,
                error,
                stored=error.stored,
                offered=error.offered,
                cluster_id=error.cluster_id,
            )
        except RecordMalformed as error:
            return _refusal(400, error)
        except StoreUnavailable as error:
            log.warning("store-unavailable", error=str(error))
            return _refusal(503, error)
        except StoreError as error:
            log.warning("store-failed", error=str(error))
            return _refusal(500, error)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return _refusal(400, f"bad request: {error!r}")

    @web.middleware
    async def _authorized(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        offered = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(offered, self._authorization):
            return _refusal(401, "wrong token")
        return await handler(request)

    # ---- requests

    async def _put(self, request: web.Request) -> web.Response:
        body = await _body(request)
        record = wire.parse_record(body["record"])
        await self._transport.put(record, wire.parse_fence(body.get("fence")))
        return web.json_response({})

    async def _delete(self, request: web.Request) -> web.Response:
        body = await _body(request)
        ref = wire.parse_ref(body["ref"])
        await self._transport.delete(ref, wire.parse_fence(body.get("fence")))
        return web.json_response({})

    async def _read_lease(self, request: web.Request) -> web.Response:
        name = request.query["name"]
        lease = await self._leases.read(lambda connection: leases.read(connection, name))
        return web.json_response(wire.answer_json(lease))

    async def _swap_lease(self, request: web.Request) -> web.Response:
        body = await _body(request)
        name, expected = str(body["name"]), body["expected"]
        new = wire.parse_lease(body["new"])
        if new is None:
            raise ValueError("no new lease")
        lease = await self._leases.write(
            lambda connection: leases.swap(connection, name, expected, new)
        )
        return web.json_response(wire.answer_json(lease))

    # ---- streams

    async def _watch_records(self, request: web.Request) -> web.StreamResponse:
        kinds = {Kind(kind) for kind in request.query.getall("kind", [])}
        return await self._stream(request, RecordWatch(self._records, kinds), wire.event_json)

    async def _watch_lease(self, request: web.Request) -> web.StreamResponse:
        watch = LeaseWatch(self._leases, request.query["name"])
        return await self._stream(request, watch, wire.answer_json)

    async def _stream(
        self, request: web.Request, watch: _Watch, line: Callable[[Any], dict[str, Any]]
    ) -> web.StreamResponse:
        """Send what ``watch`` gives as lines, and a heartbeat for each second without any."""
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            _give_up_on_silence(request)
            response = web.StreamResponse(headers={"Content-Type": wire.STREAM_TYPE})
            await response.prepare(request)
            while True:
                try:
                    values = [line(value) for value in await watch.next(wire.HEARTBEAT_INTERVAL)]
                except StoreError as error:
                    log.warning("watch-ended", error=str(error))
                    await response.write(_line({"type": "error", "message": str(error)}))
                    return response
                async with asyncio.timeout(_STUCK):
                    for value in values or [{"type": "heartbeat"}]:
                        await response.write(_line(value))
        except (ConnectionError, TimeoutError):
            log.debug("watcher-gone", peer=request.remote)
            if request.transport is not None:
                request.transport.abort()
            return response
        finally:
            self._streams.discard(task)

    async def _end_streams(self, _app: web.Application) -> None:
        for task in tuple(self._streams):
            task.cancel()


async def _body(request: web.Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body


def _line(value: dict[str, Any]) -> bytes:
    return encode(value).encode() + b"\n"


def _refusal(status: int, message: object, **more: object) -> web.Response:
    return web.json_response({"message": str(message), **more}, status=status)


def _give_up_on_silence(request: web.Request) -> None:
    """Let the kernel end a connection whose other end answers nothing (a partition)."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        if connection is not None and connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_STUCK * 1000))
