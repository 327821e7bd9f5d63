"""Transports and clients at a namespace of a real API server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.deployment import commands
from submariner_kubernetes.deployment.admin import KINDS
from submariner_kubernetes.lease import KubernetesLeaseStore
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.transport import KubernetesTransport
from submariner_lab.errors import LabError

from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_core.api.transport import Event, Kind, Record, Ref
from tests.conftest import Namespaces
from tests.plugins.kubernetes import upstream
from tests.plugins.kubernetes.container import Node
from tests.plugins.kubernetes.manifests import DEPLOY, documents, read
from tests.plugins.kubernetes.relay import Relay
from tests.plugins.kubernetes.upstream import NAMESPACE


@pytest.fixture
async def client_to() -> AsyncIterator[Callable[..., KubeClient]]:
    """Open a client; it is closed after the test."""
    opened: list[KubeClient] = []

    def make(options: KubernetesOptions, timeout: float = 5.0) -> KubeClient:
        opened.append(KubeClient(options, "datastore", timeout))
        return opened[-1]

    yield make
    for one in opened:
        await one.close()


@pytest.fixture
def transport_to(
    client_to: Callable[..., KubeClient],
) -> Callable[..., KubernetesTransport]:
    return lambda *args, **keywords: KubernetesTransport(client_to(*args, **keywords))


@pytest.fixture
def lease_in(client_to: Callable[..., KubeClient]) -> Callable[..., KubernetesLeaseStore]:
    return lambda *args, **keywords: KubernetesLeaseStore(client_to(*args, **keywords))


@pytest.fixture
def cluster() -> Callable[..., Record]:
    """Build a Cluster record, the smallest that the definition takes."""

    def build(name: str = "east", epoch: int | None = None, **fields: Any) -> Record:
        ranges = {"cluster_cidr": [], "service_cidr": [], "global_cidr": []}
        annotations = {} if epoch is None else {EPOCH_ANNOTATION: str(epoch)}
        body = {"spec": {"cluster_id": name, **ranges, **fields}}
        return Record(Ref(Kind.CLUSTER, name), body, annotations=annotations)

    return build


@pytest.fixture
def following() -> Callable[[AsyncIterator[Event]], Awaitable[Event]]:
    """The next event of a watch, within 10 s."""

    async def take(events: AsyncIterator[Event]) -> Event:
        async with asyncio.timeout(10):
            return await anext(events)

    return take


Submariner = Callable[..., str]
"""Runs `submariner ARGUMENTS` at a control plane, as its administrator; what it prints."""


@pytest.fixture(scope="session")
def submariner(tmp_path_factory: pytest.TempPathFactory) -> Submariner:
    folder = tmp_path_factory.mktemp("kubeconfigs")

    def run(plane: Any, command: str, *arguments: str | Path, fails: bool = False) -> str:
        server = plane.apiserver
        path = folder / f"{server.port}.yaml"
        cluster = {"server": server.url, "certificate-authority": str(server.ca_file)}
        names = {"cluster": "c", "user": "u"}
        config = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": server.token_file.read_text()}}],
            "contexts": [{"name": "x", "context": names}],
            "current-context": "x",
        }
        path.write_text(json.dumps(config))
        told = [str(argument) for argument in arguments]
        result = CliRunner().invoke(
            getattr(commands, command.replace("-", "_")), [*told, "--kubeconfig", str(path)]
        )
        if fails:
            assert result.exit_code != 0, result.output
            return result.output + str(result.exception)
        if result.exception is not None:
            raise result.exception
        return result.output

    return run


@contextlib.contextmanager
def token_controller(plane: Any) -> Iterator[None]:
    """What a controller manager does: put tokens into the Secrets of accounts."""
    stop = threading.Event()
    ca = base64.b64encode(plane.apiserver.ca_file.read_bytes()).decode()

    def fill() -> None:
        kind = "kubernetes.io/service-account-token"
        while not stop.wait(0.1):
            with contextlib.suppress(LabError):
                found = plane.admin.call("GET", f"/api/v1/secrets?fieldSelector=type={kind}")
                for secret in found["items"]:
                    if "token" not in secret.get("data", {}):
                        _fill(secret["metadata"])

    def _fill(meta: dict[str, Any]) -> None:
        account = meta["annotations"]["kubernetes.io/service-account.name"]
        token = plane.admin.token(meta["namespace"], account)
        data = {"token": base64.b64encode(token.encode()).decode(), "ca.crt": ca}
        path = f"/api/v1/namespaces/{meta['namespace']}/secrets/{meta['name']}"
        plane.admin.call("PATCH", path, {"data": data}, "application/merge-patch+json")

    filling = threading.Thread(target=fill)
    filling.start()
    yield
    stop.set()
    filling.join()


@pytest.fixture(scope="session")
def broker_info(
    control_plane: Any, submariner: Submariner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The control plane of the whole run is a broker; the file by which clusters join it."""
    path = tmp_path_factory.mktemp("broker") / "broker-info.yaml"
    with token_controller(control_plane):
        url = control_plane.apiserver.url
        submariner(control_plane, "deploy-broker", "--url", url, "--broker-info", path)
        yield path


@pytest.fixture(scope="module")
def fresh_plane(control_plane: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Another control plane, without our definitions."""
    plane = type(control_plane)(tmp_path_factory.mktemp("fresh-plane"))
    try:
        plane.start(definitions=False)
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def applied(control_plane: Any, broker_info: Path) -> Any:
    """Everything of deploy/ is there, the broker by its command. Accounts of two clusters."""
    found = [*documents("rbac"), *documents("daemons")]
    found += documents("components/wireguard-userspace")
    for cluster in ("east", "west"):
        found += read(DEPLOY / "broker" / "cluster" / "account.yaml", CLUSTER=cluster)
    for one in found:
        path = KINDS[one["kind"]].path(one["metadata"].get("namespace", ""))
        control_plane.admin.call("POST", f"{path}?fieldValidation=Strict", one)
    return control_plane


@pytest.fixture
def as_account(applied: Any) -> Callable[[str, str], KubernetesOptions]:
    """How a service account reaches the API server that everything is applied to."""

    def options(namespace: str, account: str) -> KubernetesOptions:
        return KubernetesOptions(
            url=applied.apiserver.url,
            ca_file=applied.apiserver.ca_file,
            namespace=namespace,
            token=SecretStr(applied.admin.token(namespace, account)),
        )

    return options


@pytest.fixture(scope="session")
def plane(applied: Any) -> Iterator[Any]:
    """A control plane with upstream's accounts, in a namespace beside ours."""
    for one in upstream.objects(NAMESPACE):
        resource = KINDS[one["kind"]]
        path = resource.path(one["metadata"].get("namespace", ""))
        applied.admin.call("POST", path, {"apiVersion": resource.api_version, **one})
    yield applied
    applied.admin.call("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


@pytest.fixture
async def node(plane: Any, netns_factory: Namespaces, tmp_path: Path) -> AsyncIterator[Node]:
    """A node with an address and a CNI, from which the API server is reached."""
    name = netns_factory.create("worker-1")
    netns_factory.uplink(name)
    for words in (
        "link add cni0 type bridge",
        "addr add 10.1.0.1/24 dev cni0",
        "link set cni0 up",
    ):
        netns_factory.run(name, f"ip {words}")
    port = plane.apiserver.port
    with netns_factory.entered(name):
        listener = socket.create_server(("127.0.0.1", port))
    async with Relay(port).listening(listener):
        made = Node(netns_factory, name, plane, tmp_path)
        yield made
        await made.end()
