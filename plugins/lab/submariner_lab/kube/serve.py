"""A program: an etcd and an API server that is ready for us, until either ends.

    python -m submariner_lab.kube.serve FILE

The file is :class:`Served` as JSON. What it names is made where it is not there yet, and accounts
get tokens of this start: with an etcd that was lost, those of the last one are void.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from submariner_lab.errors import LabError
from submariner_lab.etcd import Etcd
from submariner_lab.kube import assets
from submariner_lab.kube.admin import Admin
from submariner_lab.kube.manifests import Object, path_of
from submariner_lab.kube.server import ApiServer

POLL = 0.2
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Served:
    """What to start and what to make; ``accounts`` of the namespace get tokens in ``tokens``."""

    folder: str
    name: str
    address: str
    port: int
    services: str
    etcd_folder: str
    etcd_ports: tuple[int, int]
    namespace: str
    objects: list[Object]
    accounts: list[str]
    tokens: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file that :meth:`write` wrote."""
        found = json.loads(path.read_text("utf-8"))
        return cls(**{**found, "etcd_ports": tuple(found["etcd_ports"])})

    def write(self, path: Path) -> None:
        """To a file."""
        path.write_text(json.dumps(dataclasses.asdict(self)), "utf-8")


def serve(served: Served, apiserver: ApiServer, etcd: Etcd) -> int:
    """Run both; the exit status of the one that ended first."""
    etcd.folder.mkdir(parents=True, exist_ok=True)
    running = [subprocess.Popen(etcd.command()), subprocess.Popen(apiserver.command())]
    try:
        admin = Admin(apiserver)
        admin.until_ready()
        admin.install_definitions()
        furnish(served, admin)
        while True:
            for process in running:
                if process.poll() is not None:
                    return process.returncode
            time.sleep(POLL)
    finally:
        for process in reversed(running):  # an API server without its etcd hangs at its end
            process.kill()
            process.wait()


def furnish(served: Served, admin: Admin) -> None:
    """Make the objects that are not there, and a token for each account."""
    for one in served.objects:
        with contextlib.suppress(LabError):  # it is there
            admin.call("POST", path_of(one), one)
    folder = Path(served.tokens)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for account in served.accounts:
        part = folder / f".{account}"
        part.write_text(admin.token(served.namespace, account, DAY))
        part.replace(folder / account)


def main() -> None:
    """Run the program."""
    served = Served.read(Path(sys.argv[1]))
    found = assets.find(os.environ)
    etcd = Etcd(found.etcd, Path(served.etcd_folder), "127.0.0.1", *served.etcd_ports)
    server = ApiServer(
        found, Path(served.folder), served.name, etcd.url, served.address, served.port,
        served.services,
    )  # fmt: skip
    sys.exit(serve(served, server, etcd))


if __name__ == "__main__":
    main()
