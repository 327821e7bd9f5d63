"""A client that is closed, or whose caller gives up, at any moment of a connection's life."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import of_kind

from submariner_core.api.errors import StoreUnavailable
from submariner_core.api.transport import Kind

CLUSTERS = of_kind(Kind.CLUSTER)
LIST = b'{"metadata": {"resourceVersion": "1"}, "items": []}'
MOMENTS = 32
"""Turns of the event loop that a request takes here, and some more."""


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A server's certificate and key."""
    folder = tmp_path_factory.mktemp("identity")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=test"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return certificate, key


@pytest.fixture
async def options(identity: tuple[Path, Path]) -> AsyncIterator[KubernetesOptions]:
    """How to reach a server that lists nothing, watches for ever, and never says goodbye."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*identity)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\n")
                if b"watch=true" in asked:
                    writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
                    writer.write(b'15\r\n{"type": "BOOKMARK"}\n\r\n')
                    await reader.read()
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(LIST), LIST))
        writer.close()

    # the client alone decides when a TLS connection ends
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, __: None)  # handshakes that the client broke off
    server = await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=context, ssl_shutdown_timeout=60
    )
    port = server.sockets[0].getsockname()[1]
    yield KubernetesOptions(url=f"https://127.0.0.1:{port}", insecure=True)
    server.close()
    await asyncio.sleep(0)
    loop.set_exception_handler(None)


def clients_sockets(options: KubernetesOptions) -> list[socket.socket]:
    """This process's open sockets towards the server."""
    assert options.url is not None
    server = ("127.0.0.1", int(options.url.rsplit(":", 1)[1]))
    found = []
    for one in gc.get_objects():
        if type(one) is socket.socket and one.fileno() != -1:
            with contextlib.suppress(OSError):
                if one.getpeername() == server:
                    found.append(one)
    return found


@pytest.mark.parametrize("gives_up", [True, False])
async def test_at_whichever_moment_a_client_is_closed_its_request_says_so_and_no_socket_is_left(
    options: KubernetesOptions, gives_up: bool
) -> None:
    for moment in range(MOMENTS):
        client = KubeClient(options, "datastore", 5)
        asking = asyncio.ensure_future(client.list(CLUSTERS))
        for _ in range(moment):
            await asyncio.sleep(0)
        if gives_up:
            asking.cancel()
        await client.close()
        assert clients_sockets(options) == [], moment
        with contextlib.suppress(asyncio.CancelledError if gives_up else StoreUnavailable):
            assert (await asking)["items"] == []


async def test_a_watch_that_was_left_leaves_no_socket_behind_a_closed_client(
    options: KubernetesOptions,
) -> None:
    client = KubeClient(options, "datastore", 5)
    async with aclosing(client.watch(CLUSTERS, "1", 60)) as events:
        assert await anext(events) == {"type": "BOOKMARK"}
        assert len(clients_sockets(options)) == 1
    await client.close()
    assert clients_sockets(options) == []


async def test_a_watch_that_waits_ends_when_its_client_is_closed(
    options: KubernetesOptions,
) -> None:
    client = KubeClient(options, "datastore", 5)
    async with aclosing(client.watch(CLUSTERS, "1", 60)) as events:
        await anext(events)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            await waiting
