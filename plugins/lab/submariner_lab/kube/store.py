"""A store that is a real API server, with an etcd of its own beside it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from submariner_lab import namespaces
from submariner_lab.blueprint import ClusterSite, NodeSite
from submariner_lab.errors import LabError
from submariner_lab.etcd import Etcd
from submariner_lab.kube import assets, manifests
from submariner_lab.kube.admin import Admin, options
from submariner_lab.kube.manifests import Object
from submariner_lab.kube.serve import Served
from submariner_lab.kube.server import ApiServer
from submariner_lab.store import Store

PORT = 6443
ETCD_PORTS = (2379, 2380)
SERVICES = "10.96.0.0/16"


class KubeStore(Store):
    """An API server on the underlay; its etcd listens on the loopback of its namespace only.

    Daemons use the accounts that they have when deployed, so that RBAC and the broker's policy
    stand between them and their store; only who looks on is an administrator.
    """

    transport = "k8s"
    election = "k8s-lease"
    apart = True

    @property
    def apiserver(self) -> ApiServer:
        """How the API server is started and reached."""
        cluster = self._cluster
        return ApiServer(
            assets.find(),
            self.folder / "apiserver",
            self.site.name,
            self.etcd.url,
            str(self.site.address),
            PORT,
            SERVICES if cluster is None else str(cluster.service_cidr),
        )

    @property
    def etcd(self) -> Etcd:
        """How its etcd is started."""
        return Etcd(assets.find().etcd, self.folder / "etcd", "127.0.0.1", *ETCD_PORTS)

    @property
    def namespace(self) -> str:
        """Where its records are."""
        return manifests.BROKER if self._cluster is None else manifests.OWN

    def command(self) -> Sequence[str]:
        """See :meth:`Store.command`: both in one process group, which faults strike as one."""
        return (sys.executable, "-m", "submariner_lab.kube.serve", str(self._file))

    def prepare(self) -> None:
        """See :meth:`Store.prepare`."""
        self.apiserver.prepare()
        here, etcd, cluster = self.apiserver, self.etcd, self._cluster
        ids = tuple(site.cluster_id for site in self._blueprint.clusters)
        Served(
            folder=str(here.folder),
            name=here.name,
            address=here.address,
            port=here.port,
            services=here.services,
            etcd_folder=str(etcd.folder),
            etcd_ports=(etcd.port, etcd.peer_port),
            namespace=self.namespace,
            objects=(
                manifests.of_a_broker(ids) if cluster is None else manifests.of_a_cluster(cluster)
            ),
            accounts=list(self._accounts),
            tokens=str(self._tokens),
        ).write(self._file)

    def lose(self) -> None:
        """See :meth:`Store.lose`."""
        shutil.rmtree(self.etcd.folder, ignore_errors=True)

    def options(self) -> dict[str, object]:
        """See :meth:`Store.options`: as the administrator."""
        return dict(options(self.apiserver, self.namespace))

    def options_of(self, who: str) -> dict[str, object]:
        """See :meth:`Store.options_of`: as the account that it has when deployed."""
        return {**self.options(), "token_file": str(self._token_of(who))}

    def environment_of(self, node: NodeSite) -> Mapping[str, str]:
        """See :meth:`Store.environment_of`: what the downward API tells."""
        return {"POD_NAME": manifests.gateway_pod(node), "NODE_NAME": node.name}

    async def ready(self) -> bool:
        """Whether it serves our kinds, and every account has its token."""
        if not all((self._tokens / account).exists() for account in self._accounts):
            return False
        try:
            for path in (f"/api/v1/namespaces/{self.namespace}", *Admin(self.apiserver).kinds()):
                await self.call("GET", path)
        except LabError:
            return False
        return True

    async def call(self, method: str, path: str, body: object = None, who: str = "") -> Object:
        """One request of the administrator, or as :meth:`options_of` one; PATCH merges.

        Raises :class:`LabError`.
        """
        token = self._token_of(who) if who else None
        content = manifests.CHANGE if method == "PATCH" else "application/json"

        def ask() -> Object:
            return Admin(self.apiserver, token).call(method, path, body, content)

        return await asyncio.to_thread(namespaces.inside, self.site.netns, ask)

    async def cordon(self, node: NodeSite, *, cordoned: bool = True) -> None:
        """As ``kubectl cordon`` does, or ``uncordon``."""
        change = {"spec": {"unschedulable": cordoned or None}}
        await self.call("PATCH", f"/api/v1/nodes/{node.name}", change)

    async def labels(self, node: NodeSite) -> Mapping[str, str]:
        """The labels of the pod that a node's gateway runs in."""
        name = manifests.gateway_pod(node)
        found = await self.call("GET", f"/api/v1/namespaces/{self.namespace}/pods/{name}")
        return dict(found["metadata"]["labels"])

    @property
    def _cluster(self) -> ClusterSite | None:
        """The cluster whose own store this is; ``None``: it is the broker."""
        found = (site for site in self._blueprint.clusters if site.store == self.site)
        return next(found, None)

    @property
    def _accounts(self) -> tuple[str, ...]:
        if self._cluster is not None:
            return (manifests.GATEWAY, manifests.ROUTE_AGENT)
        return tuple(manifests.account_of(one.cluster_id) for one in self._blueprint.clusters)

    def _token_of(self, who: str) -> Path:
        names = {"gateway": manifests.GATEWAY, "route-agent": manifests.ROUTE_AGENT}
        return self._tokens / names.get(who, manifests.account_of(who))

    @property
    def _tokens(self) -> Path:
        return self.folder / "tokens"

    @property
    def _file(self) -> Path:
        return self.folder / "served.json"
