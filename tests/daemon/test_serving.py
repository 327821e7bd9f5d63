"""What a daemon serves, when the port is not free at once."""

from __future__ import annotations

import asyncio
import socket
import urllib.request

import pytest

from submariner_core.api.errors import ConfigError
from submariner_core.daemon import serving
from submariner_core.daemon.serving import beat, serve
from submariner_core.loading.facade import Hooks
from submariner_core.observe.http import Readiness


class Nothing:
    """Collects nothing."""

    def collect(self) -> tuple[()]:
        return ()


def ready(port: int) -> int:
    """The status of /readyz."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        return int(answer.status)


async def test_a_port_that_is_taken_for_a_while_is_served_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ports lie where the kernel takes those of outgoing connections from."""
    monkeypatch.setattr(serving, "BEAT", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        where = ("127.0.0.1", port)
        server = serve(where, Nothing(), Hooks.inline(), lambda: Readiness(True))
        beating = asyncio.create_task(beat(server))
        await asyncio.sleep(0.1)
        assert server.port is None
        assert not beating.done()
    async with asyncio.timeout(5):
        while server.port is None:  # noqa: ASYNC110 - a port let go has no event
            await asyncio.sleep(0.01)
    assert await asyncio.to_thread(ready, port) == 200
    beating.cancel()
    server.stop()


def test_an_address_that_is_not_the_hosts_is_an_error_at_once() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:9"):
        serve(("192.0.2.1", 9), Nothing(), Hooks.inline(), lambda: Readiness(True))


def test_port_0_serves_nothing() -> None:
    server = serve(("127.0.0.1", 0), Nothing(), Hooks.inline(), lambda: Readiness(True))
    assert server.port is None
