"""Clients, stores and transports of an etcd, closed after the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from submariner_etcd import plugin
from submariner_etcd.client import EtcdClient
from submariner_etcd.lease import EtcdLeaseStore
from submariner_etcd.options import EtcdOptions
from submariner_etcd.transport import EtcdTransport


class Opened:
    """What a test opened."""

    def __init__(self) -> None:
        self._opened: list[Any] = []

    def client(self, options: EtcdOptions) -> EtcdClient:
        return self._keep(EtcdClient(options, options.timeout))

    def transport(self, options: EtcdOptions) -> EtcdTransport:
        return self._keep(plugin.submariner_transport("etcd", options))

    def lease(self, options: EtcdOptions) -> EtcdLeaseStore:
        return self._keep(plugin.submariner_lease_store("etcd", options, "east"))

    async def close(self) -> None:
        for one in self._opened:
            await one.close()

    def _keep(self, one: Any) -> Any:
        self._opened.append(one)
        return one


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    made = Opened()
    yield made
    await made.close()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Any]:
    """Wait until a condition holds."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - a server tells nobody
                await asyncio.sleep(0.01)

    return wait
