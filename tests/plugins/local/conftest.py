"""Real files, and real server processes on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
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
COMMAND = [sys.executable, "-c", "from submariner_local.commands import store; store()", "serve"]


class Server:
    """One `submariner store serve` process; started again, it listens at the same address."""

    def __init__(self, folder: Path, prefix: tuple[str, ...] = ()) -> None:
        self.database = folder / "served.db"
        self.token_file = folder / "token"
        self.listen = "127.0.0.1:0"
        self.url = ""
        self._prefix = prefix
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        options = ["--database", str(self.database), "--token-file", str(self.token_file)]
        self._process = subprocess.Popen(
            [*self._prefix, *COMMAND, "--listen", self.listen, *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "listening on http://" in line
        self.url = line.split()[-1]
        self.listen = self.url.removeprefix("http://")

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout: float = 10) -> int:
        assert self._process is not None
        return self._process.wait(timeout)

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def options(self) -> LocalOptions:
        return LocalOptions(url=self.url, token_file=self.token_file)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    started.start()
    yield started
    started.end()


@pytest.fixture
def server_in(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make a server (not started) that runs behind a command such as `ip netns exec`."""
    made: list[Server] = []

    def make(*prefix: str) -> Server:
        made.append(Server(tmp_path, prefix))
        return made[-1]

    yield make
    for one in made:
        one.end()


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
