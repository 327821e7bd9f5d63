"""Containers of upstream's DaemonSets with our image, on a node of the test's own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Namespaces
from tests.plugins.kubernetes.manifests import DEPLOY
from tests.plugins.kubernetes.upstream import NAMESPACE

ENTRYPOINTS = DEPLOY / "entrypoints"
PATH = f"{ENTRYPOINTS}:{Path(sys.executable).parent}:{os.environ['PATH']}"
POD = "/run/secrets/kubernetes.io/serviceaccount"
SECRET = "/run/secrets/submariner.io"
"""Where a container finds its Secrets."""


class Node:
    """A node of the test's own, on which containers of upstream's DaemonSets run."""

    def __init__(self, namespaces: Namespaces, netns: str, plane: Any, folder: Path) -> None:
        self._namespaces = namespaces
        self._netns = netns
        self._plane = plane
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def secret(self, name: str, token: str, **texts: str) -> Path:
        """A Secret, as it is mounted."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        (folder / "token").write_text(token)
        (folder / "ca.crt").write_text(self._plane.apiserver.ca_file.read_text())
        for file, text in texts.items():
            (folder / file).write_text(text)
        return folder

    def start(self, command: str, account: str, environ: dict[str, str]) -> Path:
        """Start a container; the file with what it says."""
        token = self._plane.admin.token(NAMESPACE, account)
        mounted = self.secret(account, token, namespace=NAMESPACE)
        script = (
            "mount -t tmpfs run /run && mount -t tmpfs lib /var/lib && "
            f"mkdir -p {POD} {SECRET} && cp -r {mounted}/. {POD} && "
            f"cp -r {self._folder}/submariner-* {SECRET} && exec {command}"
        )
        port = str(self._plane.apiserver.port)
        environ = {
            **environ,
            "PATH": PATH,
            "SUBMARINER_NAMESPACE": NAMESPACE,
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": port,
        }
        log = self._folder / f"{account}.log"
        words = ["ip", "netns", "exec", self._netns, "sh", "-c", script]
        with log.open("ab") as out:
            self._running.append(
                subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, env=environ)
            )
        return log

    def nft(self) -> str:
        """The node's packet filter."""
        return self._namespaces.run(self._netns, "nft list ruleset")

    def ip(self, words: str) -> str:
        """What iproute2 says of the node."""
        return self._namespaces.run(self._netns, f"ip {words}")

    def alive(self) -> bool:
        return all(process.poll() is None for process in self._running)

    async def end(self) -> None:
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            try:
                await asyncio.to_thread(process.wait, 30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    async def until(
        self, condition: Callable[[], bool], seconds: float = 20.0, every: float = 0.1
    ) -> None:
        """Until it is so; what the containers said if it is not."""
        try:
            async with asyncio.timeout(seconds):
                while not await asyncio.to_thread(condition):
                    assert self.alive(), self.said()
                    await asyncio.sleep(every)
        except TimeoutError:
            pytest.fail(self.said())

    def said(self) -> str:
        """All that the containers have logged."""
        return "\n".join(log.read_text() for log in self._folder.glob("*.log"))
