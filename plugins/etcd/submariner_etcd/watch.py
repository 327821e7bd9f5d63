"""The stream of one watch: lines of JSON, and what to make of their absence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import aiohttp

from submariner_core.api.errors import StoreUnavailable
from submariner_etcd.failure import in_our_words, json_object, told_error
from submariner_etcd.keys import Change, Json, KeyValue, revision_of

_LONGEST_LINE = 256 * 2**20


class Compacted(Exception):
    """What happened since the revision asked for is no longer known."""


async def changes(
    content: aiohttp.StreamReader,
    where: str,
    silence: float,
    seen: int,
    newest: Callable[[], Awaitable[int]],
) -> AsyncGenerator[tuple[Change, ...], None]:
    """The events in a stream, those of one revision together.

    After ``silence`` seconds without any, ``newest`` tells the revision of the latest change; if
    that was not told here by the time of the next silence, the stream is taken for dead.
    """
    lines = _Lines(content)
    missing = 0
    while True:
        with in_our_words(where):
            try:
                async with asyncio.timeout(silence):
                    told = _result(json_object(await lines.next()), where)
            except TimeoutError:
                if missing > seen:
                    raise StoreUnavailable(f"{where}: a watch missed what changed") from None
                missing = await newest()
                continue
            some = tuple(
                Change(KeyValue.of(event["kv"]), event.get("type") == "DELETE")
                for event in told.get("events", ())
            )
            seen = max(seen, revision_of(told))
        if some:
            yield some


def _result(line: Json, where: str) -> Json:
    if "error" in line:
        error = line["error"]
        code = int(error.get("grpc_code", error.get("code", 2)))
        raise told_error(where, code, str(error.get("message", error)))
    result: Json = line["result"]
    if int(result.get("compact_revision", 0)):
        raise Compacted
    if result.get("canceled"):
        reason = result.get("cancel_reason") or "no reason given"
        raise StoreUnavailable(f"{where}: the watch was cancelled: {reason}")
    return result


class _Lines:
    """Lines of any length; waiting for the next may be cancelled, and loses nothing."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        self._content = content
        self._parts: list[bytes] = []
        self._ready: list[bytes] = []

    async def next(self) -> bytes:
        while not self._ready:
            chunk = await self._content.readany()
            if not chunk and self._content.at_eof():
                raise aiohttp.ClientPayloadError("the stream ended")
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                self._ready.append(b"".join((*self._parts, end)))
                self._parts = []
            self._parts.append(rest)
            if sum(map(len, self._parts)) > _LONGEST_LINE:
                raise ValueError(f"a line of more than {_LONGEST_LINE} bytes")
        return self._ready.pop(0)
