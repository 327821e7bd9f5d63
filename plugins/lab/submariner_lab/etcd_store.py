"""A store that is an etcd."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from submariner_lab import etcd, http
from submariner_lab.store import Store

PORTS = (2379, 2380)


class EtcdStore(Store):
    """One member, on the underlay."""

    transport = election = "etcd"

    @property
    def server(self) -> etcd.Etcd:
        """How it is started and reached."""
        return etcd.Etcd(etcd.find(), self.folder, str(self.site.address), *PORTS)

    def command(self) -> Sequence[str]:
        """See :meth:`Store.command`."""
        return self.server.command()

    def prepare(self) -> None:
        """It needs nothing."""

    def lose(self) -> None:
        """See :meth:`Store.lose`."""
        shutil.rmtree(self.server.folder / "data", ignore_errors=True)

    def options(self) -> dict[str, object]:
        """See :meth:`Store.options`."""
        return {"endpoints": [self.server.url]}

    async def ready(self) -> bool:
        """Whether it serves."""
        server = self.server
        try:
            status, _ = await http.get(self.site.netns, server.port, "/health", server.address)
        except OSError:
            return False
        return status == 200  # 503 without a leader
