"""What all tests share: network namespaces of a test's own, and no stray event loop."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import itertools
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes depends on who else uses the machine.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--full``: a run in which nothing may skip, as in continuous integration."""
    parser.addoption("--full", action="store_true", help="a skipped test fails the run")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With ``--full``, say so and fail if anything skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not session.config.getoption("--full") or reporter is None:
        return
    if skipped := len(reporter.stats.get("skipped", ())):
        reporter.write_line(f"{skipped} skipped, and --full skips nothing", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked ``kernel`` is skipped where the kernel has less; says how to run it."""
    if item.get_closest_marker("kernel") is not None and (missing := _kernel_lacks()):
        pytest.skip(
            f"this kernel has no {missing}: make kernel, then "
            f".ci/kernel/run -- {sys.executable} -m pytest -m kernel"
        )


@functools.cache
def _kernel_lacks() -> str:
    esp = (
        "state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 mode tunnel aead rfc4106(gcm(aes))"
    )
    probes = {
        "WireGuard": "link add probe type wireguard",
        "ESP": f"xfrm {esp} 0x{'00' * 20} 128",
    }
    return " and no ".join(
        name
        for name, words in probes.items()
        if subprocess.run(
            ["unshare", "--net", "ip", *words.split()], check=False, capture_output=True
        ).returncode
    )


def pytest_sessionstart() -> None:
    """No event loop but those that pytest-asyncio makes and closes.

    looptime asks for the current one even in a synchronous test; before Python 3.14 that made a
    loop which nobody closed.
    """
    asyncio.set_event_loop(None)


def _enter(descriptor: int) -> None:
    # os.setns came with Python 3.12
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


class Namespaces:
    """Named network namespaces, joined by veths; gone with their processes after the test."""

    def __init__(self) -> None:
        self._undo = contextlib.ExitStack()

    def create(self, name: str) -> str:
        """A namespace with ``lo`` up; returns its full name, unique on this machine.

        IPv6 addresses are in use at once: there is no duplicate address detection.
        """
        full = f"smt-{os.getpid()}-{next(_numbers)}-{name}"
        self._undo.callback(self._delete, full)
        self._command("ip", "netns", "add", full)
        self._command("ip", "-n", full, "link", "set", "lo", "up")
        with self.entered(full):
            # else addresses come into use seconds later, and notifications tell of it then
            for scope in Path("/proc/sys/net/ipv6/conf").glob("*/accept_dad"):
                scope.write_text("0")
        return full

    def link(self, a: str, b: str, a_address: str = "", b_address: str = "") -> tuple[str, str]:
        """Join two namespaces; returns the name of the device in each. Both are up.

        Addresses are written with a prefix length (``10.0.0.1/24``).
        """
        number = next(_numbers)
        ends = (f"v{number}a", f"v{number}b")
        one, other = ends
        self._command(
            *("ip", "link", "add", one, "netns", a),
            *("type", "veth", "peer", "name", other, "netns", b),
        )
        for namespace, device, address in ((a, one, a_address), (b, other, b_address)):
            if address:
                self._command("ip", "-n", namespace, "addr", "add", address, "dev", device)
            self._command("ip", "-n", namespace, "link", "set", device, "up")
        return ends

    def uplink(self, namespace: str) -> None:
        """Give it ``eth0`` with 192.0.2.1/24 and a default route, as a node has."""
        for words in (
            "link add eth0 type bridge",
            "addr add 192.0.2.1/24 dev eth0",
            "link set eth0 up",
            "route add default via 192.0.2.254",
        ):
            self.run(namespace, f"ip {words}")

    def run(self, namespace: str, command: Sequence[str] | str, stdin: str = "") -> str:
        """Run a command in a namespace and return what it prints; a failure raises."""
        words = command.split() if isinstance(command, str) else command
        return self._command("ip", "netns", "exec", namespace, *words, stdin=stdin)

    def start(self, namespace: str, command: Sequence[str] | str) -> subprocess.Popen[str]:
        """Start a process in a namespace; it is killed after the test."""
        words = command.split() if isinstance(command, str) else command
        process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._undo.callback(self._end, process)
        return process

    @contextlib.contextmanager
    def entered(self, namespace: str) -> Iterator[None]:
        """This thread, and every socket and process it makes, is in the namespace meanwhile."""
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(Path("/run/netns", namespace), os.O_RDONLY)
        try:
            _enter(inside)
            try:
                yield
            finally:
                _enter(outside)
        finally:
            os.close(inside)
            os.close(outside)

    def close(self) -> None:
        """Kill what was started and delete what was created, the last first."""
        self._undo.close()

    def _delete(self, name: str) -> None:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def _end(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _command(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            words, input=stdin, capture_output=True, text=True, timeout=30, check=False
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout}")
        return done.stdout


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example's wheel installed as pip would, and nothing else."""
    folder = tmp_path_factory.mktemp("third-party")
    source = Path(__file__).parents[1] / "plugins" / "example"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(source)], check=True, capture_output=True, timeout=50)
    [wheel] = folder.glob("submariner_direct-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def netns_factory() -> Iterator[Namespaces]:
    """Makes several namespaces and joins them: ``create``, ``link``, ``run``, ``entered``."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root: run the tests as root")
    if shutil.which("ip") is None:
        pytest.skip("the program 'ip' is absent: apt-get install iproute2")
    namespaces = Namespaces()
    try:
        yield namespaces
    finally:
        namespaces.close()


@pytest.fixture
def netns(netns_factory: Namespaces) -> Iterator[str]:
    """The test runs inside a fresh namespace with ``lo`` up; its name.

    Sockets opened and processes started meanwhile are in it. Threads that existed before are not.
    """
    name = netns_factory.create("test")
    with netns_factory.entered(name):
        yield name
