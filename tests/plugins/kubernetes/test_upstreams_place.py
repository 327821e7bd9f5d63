"""Our image in upstream's DaemonSets: its commands, environments, accounts and Roles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import SecretStr
from submariner_kubernetes import listing
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.errors import KindForbidden
from submariner_core.api.transport import Kind, Record, Ref, Snapshot
from submariner_core.daemon import watching
from submariner_core.engine.engine import DATASTORE_KINDS, SPARE
from tests.plugins.kubernetes import upstream
from tests.plugins.kubernetes.container import Node
from tests.plugins.kubernetes.manifests import BROKER
from tests.plugins.kubernetes.upstream import NAMESPACE

pytestmark = pytest.mark.kube

AGENT = {"version": "1", "statusFailure": "", "remoteEndpoints": []}


@pytest.fixture
def transport_as(
    plane: Any, transport_to: Callable[..., KubernetesTransport]
) -> Callable[[str], KubernetesTransport]:
    def make(account: str) -> KubernetesTransport:
        return transport_to(
            KubernetesOptions(
                url=plane.apiserver.url,
                ca_file=plane.apiserver.ca_file,
                namespace=NAMESPACE,
                token=SecretStr(plane.admin.token(NAMESPACE, account)),
            )
        )

    return make


async def test_a_kind_that_upstreams_role_forbids_is_named_and_read_when_it_is_granted(
    plane: Any, transport_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "ASK_AGAIN", 0.3)
    told: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
    snapshots: asyncio.Queue[Any] = asyncio.Queue()
    role = f"/apis/{upstream.RBAC}/v1/namespaces/{NAMESPACE}/roles/submariner-gateway"
    rules = upstream.ROLES["submariner-gateway"][0]
    try:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            running = group.create_task(
                watching.watch_store(
                    "datastore",
                    transport_as("submariner-gateway"),
                    DATASTORE_KINDS,
                    changed=snapshots.put_nowait,
                    lost=pytest.fail,
                    spare=SPARE,
                    without=lambda reasons: told.put_nowait(tuple(reasons)),
                )
            )
            (reason,) = await told.get()
            assert "cannot list resource" in reason
            assert "routeagents" in reason
            assert "kubectl apply -k deploy/rbac" in reason
            assert isinstance(await snapshots.get(), Snapshot)
            more = {"apiGroups": ["submariner.io"], "resources": ["routeagents"]}
            granted = [*rules, {**more, "verbs": upstream.READ}]
            plane.admin.call("PATCH", role, {"rules": granted}, "application/merge-patch+json")
            while await told.get():
                pass
            running.cancel()
    finally:
        plane.admin.call("PATCH", role, {"rules": rules}, "application/merge-patch+json")


async def test_what_upstreams_role_lets_an_agent_list_and_not_watch_is_listed_again_and_again(
    transport_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LIST_SECONDS", 0.1)
    transport = transport_as("submariner-routeagent")
    own = Record(Ref(Kind.ROUTE_AGENT, "east-1"), {"status": AGENT})
    async with aclosing(transport.watch([Kind.ROUTE_AGENT])) as events, asyncio.timeout(10):
        assert await anext(events) == Snapshot(())
        await transport.put(own, None)
        while not (event := await anext(events)).records:
            pass
        assert [record.ref for record in event.records] == [own.ref]
    await transport.delete(own.ref, None)
    with pytest.raises(KindForbidden, match=r"clusters.*deploy/rbac"):
        await anext(transport.watch([Kind.CLUSTER]))


async def test_our_daemons_do_their_work_in_upstreams_containers_and_name_what_its_roles_lack(
    plane: Any, node: Node
) -> None:
    def stored(plural: str, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        path = f"/apis/submariner.io/v1/namespaces/{namespace}/{plural}"
        found: list[dict[str, Any]] = plane.admin.call("GET", path)["items"]
        return found

    node.secret("submariner-broker-secret", plane.admin.token(BROKER, "cluster-east"))
    broker = {"BROKER_K8S_APISERVER": f"127.0.0.1:{plane.apiserver.port}"}
    pod = {"name": "submariner-gateway-x"}
    spec = {"containers": [{"name": "c", "image": "i"}]}
    plane.admin.call(
        "POST", f"/api/v1/namespaces/{NAMESPACE}/pods", {"metadata": pod, "spec": spec}
    )
    said = {
        "gateway.submariner.io/udp-port": "4600",
        "gateway.submariner.io/public-ip": "ipv4:192.0.2.77",
        "gateway.submariner.io/natt-discovery-port": "4491",
        "submariner.io/tcp-clamp-mss": "1200",
    }
    meta = {"name": "worker-1", "annotations": said}
    plane.admin.call("POST", "/api/v1/nodes", {"metadata": meta})
    node.start("submariner-route-agent.sh", "submariner-routeagent", upstream.ROUTE_AGENT)
    node.start("submariner.sh", "submariner-gateway", {**upstream.GATEWAY, **broker})

    def names(plural: str, namespace: str) -> set[str]:
        return {one["metadata"]["name"] for one in stored(plural, namespace)}

    def leads() -> bool:
        return [one["status"]["haStatus"] for one in stored("gateways")] == ["active"]

    def labelled() -> bool:
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['name']}"
        labels = plane.admin.call("GET", path)["metadata"].get("labels", {})
        return bool(labels.get("gateway.submariner.io/status") == "active")

    name = "east-submariner-cable-east-192-0-2-1"
    await node.until(leads)
    await node.until(labelled)
    for store in (NAMESPACE, BROKER):  # each is written on its own
        await node.until(lambda store=store: name in names("endpoints", store))
    (endpoint,) = (one["spec"] for one in stored("endpoints") if one["metadata"]["name"] == name)
    assert endpoint["public_ip"] == "192.0.2.77"
    assert endpoint["backend_config"]["udp-port"] == "4600"
    assert endpoint["backend_config"]["natt-discovery-port"] == "4491"
    assert endpoint["backend_config"]["public-ip"] == "ipv4:192.0.2.77"
    await node.until(lambda: "maxseg size set 1200" in node.nft())
    await node.until(lambda: "routeagents" in stored("gateways")[0]["status"]["statusFailure"])
    failure = stored("gateways")[0]["status"]["statusFailure"]
    assert "a hand-over waits for no node" in failure
    assert "kubectl apply -k deploy/rbac" in failure

    def agent_says() -> str:
        told = [one["status"]["statusFailure"] for one in stored("routeagents")]
        return told[0] if told else ""

    await node.until(lambda: all(what in agent_says() for what in ("clusters", "gateways")))
    await node.end()
    for kind in ("endpoints", "clusters"):
        for one in stored(kind, BROKER):
            path = f"/apis/submariner.io/v1/namespaces/{BROKER}/{kind}/{one['metadata']['name']}"
            plane.admin.call("DELETE", path)
    plane.admin.call("DELETE", "/api/v1/nodes/worker-1")


async def test_a_key_on_the_node_that_nobody_knows_ends_the_start(plane: Any, node: Node) -> None:
    meta = {"name": "worker-1", "labels": {"gateway.submariner.io/udpport": "4600"}}
    plane.admin.call("POST", "/api/v1/nodes", {"metadata": meta})
    node.secret("submariner-broker-secret", "none")
    broker = {"BROKER_K8S_APISERVER": f"127.0.0.1:{plane.apiserver.port}"}
    log = node.start("submariner.sh", "submariner-gateway", {**upstream.GATEWAY, **broker})
    async with asyncio.timeout(20):
        while node.alive():  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.05)
    assert "gateway.submariner.io/udpport: unknown" in log.read_text().replace("\n", " ")
    plane.admin.call("DELETE", "/api/v1/nodes/worker-1")
