"""A real etcd on loopback."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

PROGRAM = shutil.which("etcd") or shutil.which("etcd", path=str(Path(sys.executable).parent))
READY = 20.0
"""Seconds."""


class EtcdProcess:
    """One member, alone. What it is told by ``flags`` comes on top."""

    def __init__(self, folder: Path, *flags: str, scheme: str = "http") -> None:
        self._folder = folder
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None
        client, peer = (self._free() for _ in range(2))
        self.url = f"{scheme}://127.0.0.1:{client}"
        self._peer = f"http://127.0.0.1:{peer}"

    def start(self) -> None:
        assert PROGRAM is not None
        with (self._folder / "etcd.log").open("ab") as log:
            self._process = subprocess.Popen(
                (
                    PROGRAM,
                    f"--data-dir={self._folder / 'data'}",
                    f"--listen-client-urls={self.url}",
                    f"--advertise-client-urls={self.url}",
                    f"--listen-peer-urls={self._peer}",
                    f"--initial-advertise-peer-urls={self._peer}",
                    f"--initial-cluster=default={self._peer}",
                    *self._flags,
                ),
                stdout=log,
                stderr=log,
            )
        if self.url.startswith("http:"):
            self._until_ready()

    def wipe(self) -> None:
        """What a rebuilt etcd is: another one at the same address."""
        self.kill()
        shutil.rmtree(self._folder / "data")
        self.start()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _until_ready(self) -> None:
        deadline = time.monotonic() + READY
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=READY) as answer:
                    if b"true" in answer.read():
                        return
            except OSError:
                pass
            assert time.monotonic() < deadline, (self._folder / "etcd.log").read_text()
            time.sleep(0.02)

    @staticmethod
    def _free() -> int:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port: int = one.getsockname()[1]
            return port
