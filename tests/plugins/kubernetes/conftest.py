"""Transports and clients at a namespace of a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.lease import KubernetesLeaseStore
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_core.api.transport import Event, Kind, Record, Ref


@pytest.fixture
async def client_to() -> AsyncIterator[Callable[..., KubeClient]]:
    """Open a client; it is closed after the test."""
    opened: list[KubeClient] = []

    def make(options: KubernetesOptions, timeout: float = 5.0) -> KubeClient:
        opened.append(KubeClient(options, "datastore", timeout))
        return opened[-1]

    yield make
    for one in opened:
        await one.close()


@pytest.fixture
def transport_to(
    client_to: Callable[..., KubeClient],
) -> Callable[..., KubernetesTransport]:
    return lambda *args, **keywords: KubernetesTransport(client_to(*args, **keywords))


@pytest.fixture
def lease_in(client_to: Callable[..., KubeClient]) -> Callable[..., KubernetesLeaseStore]:
    return lambda *args, **keywords: KubernetesLeaseStore(client_to(*args, **keywords))


@pytest.fixture
def cluster() -> Callable[..., Record]:
    """Build a Cluster record, the smallest that the definition takes."""

    def build(name: str = "east", epoch: int | None = None, **fields: Any) -> Record:
        ranges = {"cluster_cidr": [], "service_cidr": [], "global_cidr": []}
        annotations = {} if epoch is None else {EPOCH_ANNOTATION: str(epoch)}
        body = {"spec": {"cluster_id": name, **ranges, **fields}}
        return Record(Ref(Kind.CLUSTER, name), body, annotations=annotations)

    return build


@pytest.fixture
def following() -> Callable[[AsyncIterator[Event]], Awaitable[Event]]:
    """The next event of a watch, within 10 s."""

    async def take(events: AsyncIterator[Event]) -> Event:
        async with asyncio.timeout(10):
            return await anext(events)

    return take
