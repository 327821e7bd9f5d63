"""An API server behind an HTTP proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.errors import StoreUnavailable
from submariner_core.api.transport import Event, Kind, Put, Record, Snapshot

pytestmark = pytest.mark.kube

Place = Callable[[], KubernetesOptions]
Open = Callable[..., KubernetesTransport]
Build = Callable[..., Record]
Following = Callable[[AsyncIterator[Event]], Awaitable[Event]]
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


class Proxy:
    """Knows CONNECT and nothing else."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self._flows: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._flows.add(task)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, where, _ = head.split(maxsplit=2)
        self.asked.append(f"{method} {where}")
        host, _, port = where.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass(reader, back))
                ways.create_task(self._pass(there, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            back.transport.abort()
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        raise ConnectionResetError

    async def end(self) -> None:
        for flow in self._flows:
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    made = Proxy()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()
    await made.end()


async def works(
    transport: KubernetesTransport,
    record: Record,
    following: Following,
) -> None:
    async with aclosing(transport.watch([Kind.CLUSTER])) as events:
        assert await following(events) == Snapshot(())
        await transport.put(record, None)
        assert isinstance(await following(events), Put)


async def test_the_option_names_a_proxy_for_requests_and_watches(
    proxy: Proxy, namespace: Place, transport_to: Open, cluster: Build, following: Following
) -> None:
    options = namespace().model_copy(update={"proxy": proxy.url})
    await works(transport_to(options), cluster(), following)
    assert set(proxy.asked) == {f"CONNECT {str(options.url).removeprefix('https://')}"}


async def test_so_does_the_environment_and_no_proxy_takes_it_back(
    proxy: Proxy,
    namespace: Place,
    transport_to: Open,
    cluster: Build,
    following: Following,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    await works(transport_to(namespace()), cluster(), following)
    assert proxy.asked
    proxy.asked.clear()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    await works(transport_to(namespace()), cluster(), following)
    assert proxy.asked == []


async def test_a_proxy_that_is_not_there_is_named(
    proxy: Proxy, namespace: Place, transport_to: Open, cluster: Build
) -> None:
    options = namespace().model_copy(update={"proxy": "http://127.0.0.1:1"})
    with pytest.raises(StoreUnavailable, match="refused"):
        await transport_to(options).put(cluster(), None)
