"""The lease is looked at before a run, at API servers of a machine that may be busy."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from submariner_lab.errors import LabError
from submariner_lab.failover import lease as room
from submariner_lab.failover.lease import until_calm

from tests.conftest import Namespaces

LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "submariner-gateway-lock", "uid": "u", "resourceVersion": "1"},
    "spec": {"holderIdentity": "east-1", "leaseDurationSeconds": 3},
}


class Busy:
    """An API server that never answers its first ``silent`` requests; with ``status`` the rest."""

    def __init__(self, silent: int, status: str = "200 OK") -> None:
        self.silent = silent
        self.status = status
        self.asked = 0

    @contextlib.asynccontextmanager
    async def serving(self, netns: str, namespaces: Namespaces) -> AsyncIterator[Any]:
        """Meanwhile it is the store of the cluster that is given."""
        with namespaces.entered(netns):
            listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        options = {"url": url, "insecure": True, "token": "t", "namespace": "here"}
        store = SimpleNamespace(
            election="k8s-lease",
            direct_options=lambda: options,
            site=SimpleNamespace(netns=netns, name="store-east"),
        )
        server = await asyncio.start_server(self._answer, sock=listener)
        async with server:
            yield SimpleNamespace(name="east", store=store)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        if self.asked > self.silent:
            body = json.dumps(LEASE).encode()
            head = f"HTTP/1.1 {self.status}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await reader.read()
        writer.close()


@pytest.fixture
def netns(netns_factory: Namespaces) -> str:
    return netns_factory.create("store")


async def test_a_server_that_is_too_busy_to_answer_is_asked_again(
    netns: str, netns_factory: Namespaces
) -> None:
    busy = Busy(silent=2)
    async with busy.serving(netns, netns_factory) as cluster:
        assert await until_calm(cluster, limit=0.0) == 3.0
    assert busy.asked == 3


async def test_one_that_never_answers_costs_the_run_and_no_more(
    netns: str, netns_factory: Namespaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A LabError is a run that could not be carried out; the others go on."""
    monkeypatch.setattr(room, "PATIENCE", 1.5)
    async with Busy(silent=99).serving(netns, netns_factory) as cluster:
        with pytest.raises(LabError, match=r"^the lease of east: .*no answer in time"):
            await until_calm(cluster, limit=0.0)


async def test_one_that_refuses_costs_the_run_at_once(
    netns: str, netns_factory: Namespaces
) -> None:
    busy = Busy(silent=0, status="403 Forbidden")
    async with busy.serving(netns, netns_factory) as cluster:
        with pytest.raises(LabError, match=r"^the lease of east: .*403"):
            await until_calm(cluster)
    assert busy.asked == 1
