"""A server that asks for a rest gets it: what a real one does only under load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.failure import Missing
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import of_kind

from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_core.api.transport import Kind

Serve = Callable[["Scripted"], Awaitable[KubeClient]]
CLUSTERS = of_kind(Kind.CLUSTER)


@dataclass
class Scripted:
    """Answers each request with the next of its answers, the last for ever."""

    answers: list[tuple[int, dict[str, str], object]]
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, headers=headers, text=text)


@pytest.fixture
async def client_of() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []
    clients: list[KubeClient] = []

    async def serve(scripted: Scripted) -> KubeClient:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", scripted.answer)
        runners.append(web.AppRunner(app))
        await runners[-1].setup()
        site = web.TCPSite(runners[-1], "127.0.0.1", 0)
        await site.start()
        port = runners[-1].addresses[0][1]
        options = KubernetesOptions(url=f"http://127.0.0.1:{port}", insecure=True)
        clients.append(KubeClient(options, "datastore", 2.0))
        return clients[-1]

    yield serve
    for client in clients:
        await client.close()
    for runner in runners:
        await runner.cleanup()


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_asks_to_wait_is_not_asked_before(
    client_of: Serve, status: int
) -> None:
    scripted = Scripted([(status, {"Retry-After": "1"}, {"message": "slow down"}), (200, {}, {})])
    client = await client_of(scripted)
    with pytest.raises(StoreUnavailable, match="slow down"):
        await client.get(CLUSTERS, "east")
    refused_at = time.clock_gettime(time.CLOCK_BOOTTIME)
    with pytest.raises(StoreUnavailable, match="asked to wait"):
        await client.get(CLUSTERS, "east")
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(StoreUnavailable):
                await client.get(CLUSTERS, "east")
                break
            await asyncio.sleep(0.01)
    assert time.clock_gettime(time.CLOCK_BOOTTIME) - refused_at >= 0.9
    assert len(scripted.asked) == 2


async def test_a_request_without_a_word_about_waiting_may_be_made_again_at_once(
    client_of: Serve,
) -> None:
    scripted = Scripted([(500, {}, {"message": "etcd is away"}), (200, {}, {"kind": "Cluster"})])
    client = await client_of(scripted)
    with pytest.raises(StoreUnavailable, match="etcd is away"):
        await client.get(CLUSTERS, "east")
    assert await client.get(CLUSTERS, "east") == {"kind": "Cluster"}


@pytest.mark.parametrize("body", ["<html>hello", "[1]", '"x"', ""])
async def test_what_no_api_server_answers_is_said_to_be_so(client_of: Serve, body: str) -> None:
    client = await client_of(Scripted([(200, {}, body)]))
    with pytest.raises(StoreError, match="check the url"):
        await client.get(CLUSTERS, "east")


async def test_the_path_and_the_namespace_are_those_of_the_api(
    client_of: Serve,
) -> None:
    missing = {"kind": "Status", "message": "no", "details": {"name": "east"}}
    scripted = Scripted([(404, {}, missing)])
    client = await client_of(scripted)
    with pytest.raises(Missing):
        await client.get(CLUSTERS, "east")
    assert scripted.asked == [
        "GET /apis/submariner.io/v1/namespaces/submariner-operator/clusters/east"
    ]
