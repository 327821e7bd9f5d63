"""A program: an etcd and an API server that is ready for us, until either ends.

    python -m submariner_lab.kube.serve FOLDER NAME ADDRESS PORT ETCD_FOLDER PORT PEER NAMESPACE

It installs our definitions and makes the namespace where they are not there yet.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from submariner_lab.errors import LabError
from submariner_lab.etcd import Etcd
from submariner_lab.kube import assets
from submariner_lab.kube.admin import Admin
from submariner_lab.kube.server import ApiServer

POLL = 0.2


def serve(apiserver: ApiServer, etcd: Etcd, namespace: str) -> int:
    """Run both; the exit status of the one that ended first."""
    etcd.folder.mkdir(parents=True, exist_ok=True)
    running = [subprocess.Popen(etcd.command()), subprocess.Popen(apiserver.command())]
    try:
        admin = Admin(apiserver)
        admin.until_ready()
        admin.install_definitions()
        with contextlib.suppress(LabError):  # it is there
            admin.make_namespace(namespace)
        while True:
            for process in running:
                if process.poll() is not None:
                    return process.returncode
            time.sleep(POLL)
    finally:
        for process in reversed(running):  # an API server without its etcd hangs at its end
            process.kill()
            process.wait()


def main() -> None:
    """Run the program."""
    folder, name, address, port, etcd_folder, client, peer, namespace = sys.argv[1:]
    found = assets.find(os.environ)
    etcd = Etcd(found.etcd, Path(etcd_folder), "127.0.0.1", int(client), int(peer))
    server = ApiServer(found, Path(folder), name, etcd.url, address, int(port))
    sys.exit(serve(server, etcd, namespace))


if __name__ == "__main__":
    main()
