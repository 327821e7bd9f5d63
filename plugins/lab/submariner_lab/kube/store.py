"""A store that is a real API server, with an etcd of its own beside it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence

from submariner_lab import namespaces
from submariner_lab.errors import LabError
from submariner_lab.etcd import Etcd
from submariner_lab.kube import assets
from submariner_lab.kube.admin import Admin, options
from submariner_lab.kube.server import ApiServer
from submariner_lab.store import Store

PORT = 6443
ETCD_PORTS = (2379, 2380)
NAMESPACE = "submariner"


class KubeStore(Store):
    """An API server on the underlay; its etcd listens on the loopback of its namespace only."""

    transport = "k8s"
    election = "k8s-lease"

    @property
    def apiserver(self) -> ApiServer:
        """How the API server is started and reached."""
        return ApiServer(
            assets.find(),
            self.folder / "apiserver",
            self.site.name,
            self.etcd.url,
            str(self.site.address),
            PORT,
        )

    @property
    def etcd(self) -> Etcd:
        """How its etcd is started."""
        return Etcd(assets.find().etcd, self.folder / "etcd", "127.0.0.1", *ETCD_PORTS)

    def command(self) -> Sequence[str]:
        """See :meth:`Store.command`: both in one process group, which faults strike as one."""
        here, etcd = self.apiserver, self.etcd
        return (
            sys.executable, "-m", "submariner_lab.kube.serve",
            str(here.folder), here.name, here.address, str(here.port),
            str(etcd.folder), str(etcd.port), str(etcd.peer_port), NAMESPACE,
        )  # fmt: skip

    def prepare(self) -> None:
        """See :meth:`Store.prepare`."""
        self.apiserver.prepare()

    def lose(self) -> None:
        """See :meth:`Store.lose`."""
        shutil.rmtree(self.etcd.folder, ignore_errors=True)

    def options(self) -> dict[str, object]:
        """See :meth:`Store.options`."""
        return dict(options(self.apiserver, NAMESPACE))

    async def ready(self) -> bool:
        """Whether it serves our kinds, and the namespace is there."""
        admin = Admin(self.apiserver)
        paths = [f"/api/v1/namespaces/{NAMESPACE}", *admin.kinds()]

        def ask() -> bool:
            return all(bool(admin.call("GET", path)) for path in paths)

        try:
            return await asyncio.to_thread(namespaces.inside, self.site.netns, ask)
        except LabError:
            return False
