"""One store of each kind. What these tests ask, every transport and lease store answers alike."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import submariner_etcd.plugin
import submariner_local.plugin
from submariner_etcd.options import EtcdOptions
from submariner_local.options import LocalOptions

from submariner_core.api.info import Options
from submariner_core.api.lease import LeaseStore
from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_core.api.transport import Event, Kind, Record, Ref, Transport

ENDPOINT: dict[str, Any] = {
    "cluster_id": "east",
    "cable_name": "submariner-cable-east-192-0-2-1",
    "hostname": "east-1",
    "subnets": [],
    "private_ip": "192.0.2.1",
    "public_ip": "",
    "nat_enabled": False,
    "backend": "vxlan",
}
REQUIRED: dict[Kind, dict[str, Any]] = {
    Kind.CLUSTER: {
        "cluster_id": "east",
        "cluster_cidr": [],
        "service_cidr": [],
        "global_cidr": [],
    },
    Kind.ENDPOINT: ENDPOINT,
    Kind.GATEWAY: {
        "version": "1",
        "haStatus": "passive",
        "localEndpoint": ENDPOINT,
        "statusFailure": "",
        "connections": [],
    },
    Kind.ROUTE_AGENT: {"version": "1", "statusFailure": "", "remoteEndpoints": []},
}
"""What an API server asks of each kind; the others take it as anything else."""


@pytest.fixture(params=["path", "url", "etcd", pytest.param("k8s", marks=pytest.mark.kube)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Options:
    """Options for one empty store: a file, a server, a prefix of an etcd, a namespace."""
    if request.param == "path":
        return LocalOptions(path=tmp_path / "store.db")
    if request.param == "url":
        options: LocalOptions = request.getfixturevalue("server").options()
        return options
    if request.param == "etcd":
        fresh: EtcdOptions = request.getfixturevalue("etcd_place")
        return fresh
    made: Callable[[], Options] = request.getfixturevalue("namespace")
    return made()


@pytest.fixture
async def transport_to() -> AsyncIterator[Callable[[Options], Transport]]:
    opened: list[Transport] = []

    def open_one(options: Options) -> Transport:
        if isinstance(options, LocalOptions):
            made = submariner_local.plugin.submariner_transport(name="local", options=options)
        elif isinstance(options, EtcdOptions):
            made = submariner_etcd.plugin.submariner_transport("etcd", options)
        else:
            import submariner_kubernetes.plugin

            made = submariner_kubernetes.plugin.submariner_transport("k8s", options, "datastore")
        assert isinstance(made, Transport)
        opened.append(made)
        return made

    yield open_one
    for transport in opened:
        await transport.close()


@pytest.fixture
async def lease_in() -> AsyncIterator[Callable[..., LeaseStore]]:
    opened: list[LeaseStore] = []

    def open_one(options: Options, cluster_id: str = "east") -> LeaseStore:
        if isinstance(options, LocalOptions):
            made = submariner_local.plugin.submariner_lease_store("local", options, cluster_id)
        elif isinstance(options, EtcdOptions):
            made = submariner_etcd.plugin.submariner_lease_store("etcd", options, cluster_id)
        else:
            import submariner_kubernetes.plugin

            made = submariner_kubernetes.plugin.submariner_lease_store("k8s-lease", options)
        assert isinstance(made, LeaseStore)
        opened.append(made)
        return made

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
def record() -> Callable[..., Record]:
    """Build a record: kind, name, epoch annotation, and fields beside the required ones."""

    def build(
        kind: Kind = Kind.ENDPOINT,
        name: str = "east-a",
        epoch: int | None = None,
        **fields: object,
    ) -> Record:
        section = "spec" if kind in {Kind.CLUSTER, Kind.ENDPOINT} else "status"
        annotations = {} if epoch is None else {EPOCH_ANNOTATION: str(epoch)}
        body = {section: {**REQUIRED[kind], **fields}}
        return Record(Ref(kind, name), body, annotations=annotations)

    return build


@pytest.fixture
def following() -> Callable[[AsyncIterator[Event]], Awaitable[Event]]:
    """The next event of a watch, within 10 s."""

    async def take(events: AsyncIterator[Event]) -> Event:
        async with asyncio.timeout(10):
            return await anext(events)

    return take


@pytest.fixture
def next_moment(place: Options) -> Callable[[], Awaitable[None]]:
    """Until a store whose clock is coarse would tell what comes next from what came before."""

    async def wait() -> None:
        now = time.time()
        if not isinstance(place, LocalOptions | EtcdOptions):
            await asyncio.sleep(math.floor(now) + 1.001 - now)

    return wait
