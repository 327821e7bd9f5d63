"""How an etcd is started, for API servers and as a store of its own."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from submariner_lab.errors import LabError
from submariner_lab.kube import assets


@dataclass(frozen=True, slots=True)
class Etcd:
    """One etcd. Nothing in ``folder`` survives a power cut."""

    program: Path
    folder: Path
    address: str
    port: int
    peer_port: int

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://{self.address}:{self.port}"

    def command(self) -> tuple[str, ...]:
        """What to start."""
        peer = f"http://{self.address}:{self.peer_port}"
        return (
            str(self.program),
            "--name", "lab",
            "--data-dir", str(self.folder / "data"),
            "--listen-client-urls", self.url,
            "--advertise-client-urls", self.url,
            "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"lab={peer}",
            "--unsafe-no-fsync",
            "--log-level", "warn",
        )  # fmt: skip


def find() -> Path:
    """On the PATH, beside this Python, or where API servers are. Raises :class:`LabError`."""
    path = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent)))
    if program := shutil.which("etcd", path=path):
        return Path(program)
    try:
        return assets.find().etcd
    except LabError:
        raise LabError("no etcd here: apt-get install etcd-server") from None
