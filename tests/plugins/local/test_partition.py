"""A network that drops packets without a word between a client and its server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root: run with sudo"),
]

CLIENT = """
import asyncio, sys, time
from pathlib import Path
from submariner_core.api.errors import StoreUnavailable
from submariner_core.api.transport import Kind, Record, Ref
from submariner_local import plugin
from submariner_local.options import LocalOptions

async def main(url, token_file):
    options = LocalOptions(url=url, token_file=Path(token_file))
    transport = plugin.submariner_transport("local", options)
    lease = plugin.submariner_lease_store("local", options, "east")
    events = transport.watch([Kind.GATEWAY])
    await anext(events)
    await lease.read()
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.readline)

    async def timed(call):
        begun = time.monotonic()
        try:
            await call
        except StoreUnavailable:
            return time.monotonic() - begun

    put = transport.put(Record(Ref(Kind.GATEWAY, "a"), {}), None)
    times = await asyncio.gather(timed(anext(events)), timed(put), timed(lease.read()))
    print(*times, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    async with asyncio.timeout(10):
        while True:
            try:
                print("back", type(await anext(transport.watch([Kind.GATEWAY]))).__name__)
                break
            except StoreUnavailable:
                pass
    await transport.close()
    await lease.close()

asyncio.run(main(*sys.argv[1:]))
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def two_nodes() -> Iterator[tuple[str, str]]:
    """Two namespaces with a cable between them: 10.9.0.1 and 10.9.0.2."""
    near, far = f"slocal-{os.getpid()}-a", f"slocal-{os.getpid()}-b"
    try:
        for name in (near, far):
            ip("netns", "add", name)
        ip("-n", near, "link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", far)
        for name, address in ((near, "10.9.0.1/24"), (far, "10.9.0.2/24")):
            ip("-n", name, "address", "add", address, "dev", "up0")
            ip("-n", name, "link", "set", "up0", "up")
        yield near, far
    finally:
        for name in (near, far):
            subprocess.run(["ip", "netns", "delete", name], check=False)


def test_a_partition_without_a_reset_is_noticed_by_watch_put_and_lease_in_their_time(
    two_nodes: tuple[str, str], server_in: Callable[..., Any]
) -> None:
    near, far = two_nodes
    server = server_in("ip", "netns", "exec", far)
    server.listen = "10.9.0.2:0"
    server.start()
    command = ["ip", "netns", "exec", near, sys.executable, "-c", CLIENT, server.url]
    drop = ["nft", "add table ip cut; add chain ip cut in { type filter hook input priority 0; "]
    drop[1] += "policy drop; }"
    with subprocess.Popen(
        [*command, str(server.token_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        try:
            assert client.stdout.readline() == "connected\n"
            subprocess.run(["ip", "netns", "exec", far, *drop], check=True)
            subprocess.run(["ip", "netns", "exec", near, *drop], check=True)
            print(file=client.stdin, flush=True)
            watch, put, lease = map(float, client.stdout.readline().split())
            assert watch < 3.6
            assert 1.8 < put < 2.6
            assert 0.8 < lease < 1.6
            for name in two_nodes:
                subprocess.run(
                    ["ip", "netns", "exec", name, "nft", "delete table ip cut"], check=True
                )
            print(file=client.stdin, flush=True)
            assert client.stdout.readline() == "back Snapshot\n"
        finally:
            client.kill()
