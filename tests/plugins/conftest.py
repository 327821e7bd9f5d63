"""Stores of each kind, started once: what the tests of more than one plugin stand on."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from submariner_etcd.options import EtcdOptions
from submariner_kubernetes.options import KubernetesOptions
from submariner_lab.errors import LabError
from submariner_lab.etcd import Etcd
from submariner_lab.kube import assets
from submariner_lab.kube.admin import Admin, options
from submariner_lab.kube.server import ApiServer
from submariner_local.options import LocalOptions

from tests.plugins.etcd_process import PROGRAM, EtcdProcess

COMMAND = [sys.executable, "-c", "from submariner_local.commands import store; store()", "serve"]
_numbers = itertools.count()


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


class ControlPlane:
    """A real kube-apiserver with a real etcd, on loopback; the API server can be started anew."""

    def __init__(self, folder: Path) -> None:
        found = assets.find()
        client, peer, secure = _free_ports(3)
        self._folder = folder
        self._etcd = Etcd(found.etcd, folder / "etcd", "127.0.0.1", client, peer)
        self.apiserver = ApiServer(found, folder, "test", self._etcd.url, "127.0.0.1", secure)
        self.admin = Admin(self.apiserver)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *, definitions: bool = True) -> None:
        self.apiserver.prepare()
        self._start("etcd", self._etcd.command())
        self.start_apiserver()
        if definitions:
            self.admin.install_definitions()

    def restart_apiserver(self) -> None:
        self.start_apiserver()
        self.admin.until_served()

    def start_apiserver(self) -> None:
        self._start("apiserver", self.apiserver.command())
        self.admin.until_ready()

    def kill_apiserver(self) -> None:
        self._end("apiserver")

    def signal(self, number: signal.Signals) -> None:
        self._running["apiserver"].send_signal(number)

    def stop(self) -> None:
        for name in ("apiserver", "etcd"):  # an API server without its etcd hangs at its end
            self._end(name)

    def _start(self, name: str, command: tuple[str, ...]) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def _end(self, name: str) -> None:
        if process := self._running.pop(name, None):
            process.kill()
            process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One for the whole run, with our definitions installed."""
    try:
        plane = ControlPlane(tmp_path_factory.mktemp("control-plane"))
    except LabError as error:
        pytest.skip(str(error))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Callable[[], KubernetesOptions]:
    """Options for a fresh namespace, as its administrator."""

    def make() -> KubernetesOptions:
        name = f"test-{next(_numbers)}"
        control_plane.admin.make_namespace(name)
        return KubernetesOptions.model_validate(options(control_plane.apiserver, name))

    return make


@pytest.fixture(scope="session")
def shared_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdProcess]:
    """One for the whole run: use ``etcd_place``."""
    if PROGRAM is None:
        pytest.skip("there is no etcd here; run .ci/setup")
    process = EtcdProcess(tmp_path_factory.mktemp("etcd"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    """One of the test's own."""
    if PROGRAM is None:
        pytest.skip("there is no etcd here; run .ci/setup")
    process = EtcdProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def etcd_place(shared_etcd: EtcdProcess) -> EtcdOptions:
    """Options for a fresh prefix."""
    return EtcdOptions(endpoints=(shared_etcd.url,), prefix=f"/test-{next(_numbers)}")
