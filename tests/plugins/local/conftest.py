"""Real files, and real server processes on loopback (those of the folder above)."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from submariner_local import plugin
from submariner_local.http.store import HttpLeaseStore, HttpTransport
from submariner_local.options import LocalOptions
from submariner_local.sqlite.store import FileLeaseStore, FileTransport

from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_core.api.transport import Event, Kind, Record, Ref

AnyTransport = FileTransport | HttpTransport
AnyLeaseStore = FileLeaseStore | HttpLeaseStore


@pytest.fixture(params=["path", "url"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LocalOptions:
    """Options for one store, once as a file and once behind a server."""
    if request.param == "path":
        return LocalOptions(path=tmp_path / "store.db")
    options: LocalOptions = request.getfixturevalue("server").options()
    return options


@pytest.fixture
async def transport_to() -> AsyncIterator[Callable[[LocalOptions], AnyTransport]]:
    opened: list[AnyTransport] = []

    def open_one(options: LocalOptions) -> AnyTransport:
        transport = plugin.submariner_transport(name="local", options=options)
        assert isinstance(transport, FileTransport | HttpTransport)
        opened.append(transport)
        return transport

    yield open_one
    for transport in opened:
        await transport.close()


@pytest.fixture
async def lease_in() -> AsyncIterator[Callable[..., AnyLeaseStore]]:
    opened: list[AnyLeaseStore] = []

    def open_one(options: LocalOptions, cluster_id: str = "east") -> AnyLeaseStore:
        store = plugin.submariner_lease_store(name="local", options=options, cluster_id=cluster_id)
        assert isinstance(store, FileLeaseStore | HttpLeaseStore)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
def record() -> Callable[..., Record]:
    """Build a record: kind, name, epoch annotation, body fields."""

    def build(
        kind: Kind = Kind.ENDPOINT, name: str = "east-a", epoch: int | None = None, **spec: object
    ) -> Record:
        annotations = {} if epoch is None else {EPOCH_ANNOTATION: str(epoch)}
        return Record(Ref(kind, name), {"spec": spec}, annotations=annotations)

    return build


@pytest.fixture
def following() -> Callable[[AsyncIterator[Event]], object]:
    """The next event of a watch, within 5 s."""

    async def take(events: AsyncIterator[Event]) -> Event:
        async with asyncio.timeout(5):
            return await anext(events)

    return take


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of 512 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root: run the tests with sudo")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
