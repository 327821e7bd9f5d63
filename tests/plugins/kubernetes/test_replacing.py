"""Upstream is replaced in place: the right order goes well, the wrong one is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from submariner_core.api.naming import CLUSTER_ID_LABEL
from tests.plugins.kubernetes import upstream
from tests.plugins.kubernetes.container import Node
from tests.plugins.kubernetes.manifests import BROKER
from tests.plugins.kubernetes.test_election import UPSTREAM, Upstream
from tests.plugins.kubernetes.upstream import NAMESPACE

pytestmark = pytest.mark.kube

OBJECTS = f"/apis/submariner.io/v1/namespaces/{NAMESPACE}"
AGENT = {"version": "v0.19", "statusFailure": "", "remoteEndpoints": []}


@contextmanager
def stored(plane: Any, *objects: tuple[str, dict[str, Any]]) -> Iterator[None]:
    """Objects that upstream's daemons have written."""
    for plural, body in objects:
        plane.admin.call("POST", f"{OBJECTS}/{plural}", body)
    try:
        yield
    finally:
        forget(plane)


def forget(plane: Any) -> None:
    """Delete all that daemons have written."""
    for plural in ("endpoints", "clusters", "gateways", "routeagents"):
        plane.admin.call("DELETE", f"{OBJECTS}/{plural}")
    plane.admin.call("DELETE", f"/apis/submariner.io/v1/namespaces/{BROKER}/endpoints")
    plane.admin.call("DELETE", f"/apis/submariner.io/v1/namespaces/{BROKER}/clusters")
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
    plane.admin.call("DELETE", leases)


def agent(node: str) -> tuple[str, dict[str, Any]]:
    return "routeagents", {
        "apiVersion": "submariner.io/v1",
        "kind": "RouteAgent",
        "metadata": {"name": node},
        "status": AGENT,
    }


def endpoint(cluster: str, address: str, subnet: str) -> tuple[str, dict[str, Any]]:
    """An Endpoint in the own cluster, as upstream's gateways write it: without a word of ours."""
    cable = f"submariner-cable-{cluster}-{address.replace('.', '-')}"
    labels = {} if cluster == "east" else {CLUSTER_ID_LABEL: cluster}
    return "endpoints", {
        "apiVersion": "submariner.io/v1",
        "kind": "Endpoint",
        "metadata": {"name": f"{cluster}-{cable}", "labels": labels},
        "spec": {
            "cluster_id": cluster,
            "cable_name": cable,
            "hostname": f"{cluster}-gw",
            "subnets": [subnet],
            "private_ip": address,
            "public_ip": "",
            "nat_enabled": False,
            "backend": "vxlan",
        },
    }


@asynccontextmanager
async def renewing(plane: Any) -> AsyncIterator[Upstream]:
    """An upstream gateway that holds the Lease."""
    holder = Upstream(plane.admin, NAMESPACE)
    holder.create()
    loop = asyncio.get_running_loop()

    async def renew() -> None:
        while True:
            assert await asyncio.to_thread(holder.tries, loop.time(), 2)
            await asyncio.sleep(0.3)

    renewal = asyncio.create_task(renew())
    yield holder
    renewal.cancel()
    await asyncio.gather(renewal, return_exceptions=True)


@pytest.fixture
def failure(plane: Any) -> Callable[[], str]:
    """What our gateway says on its Gateway."""

    def found() -> str:
        items = plane.admin.call("GET", f"{OBJECTS}/gateways")["items"]
        return "; ".join(one["status"]["statusFailure"] for one in items)

    return found


def start_gateway(node: Node, plane: Any) -> None:
    node.secret("submariner-broker-secret", plane.admin.token(BROKER, "cluster-east"))
    broker = {"BROKER_K8S_APISERVER": f"127.0.0.1:{plane.apiserver.port}"}
    node.start("submariner.sh", "submariner-gateway", {**upstream.GATEWAY, **broker})


async def test_a_gateway_that_comes_before_the_route_agents_names_nodes_and_holder(
    plane: Any, node: Node, failure: Callable[[], str]
) -> None:
    """The wrong order: it waits for who holds the Lease, leads after it, and says so."""
    role = f"/apis/{upstream.RBAC}/v1/namespaces/{NAMESPACE}/roles/submariner-gateway"
    rules = upstream.ROLES["submariner-gateway"][0]
    seen = {"apiGroups": ["submariner.io"], "resources": ["routeagents"], "verbs": upstream.READ}
    change = "application/merge-patch+json"
    plane.admin.call("PATCH", role, {"rules": [*rules, seen]}, change)
    with stored(plane, agent("node-2"), agent("node-3")):
        async with renewing(plane):
            start_gateway(node, plane)
            await node.until(lambda: UPSTREAM in failure())
            assert "the route agents of node-2, node-3 are upstream's" in failure()
            assert "mixed-with-upstream" in node.said()
            items = plane.admin.call("GET", f"{OBJECTS}/gateways")["items"]
            assert [one["status"]["haStatus"] for one in items] == ["passive"]
        await node.until(lambda: UPSTREAM not in failure())
        assert "the route agents of node-2, node-3 are upstream's" in failure()
        await node.end()
    plane.admin.call("PATCH", role, {"rules": rules}, change)


async def test_a_route_agent_that_comes_first_sends_through_upstreams_gateway(
    plane: Any, node: Node
) -> None:
    """The right order: the node follows the Endpoint of whoever leads."""
    remote = endpoint("west", "192.0.2.20", "10.2.0.0/16")
    with stored(plane, endpoint("east", "192.0.2.10", "10.1.0.0/16"), remote):
        node.start("submariner-route-agent.sh", "submariner-routeagent", upstream.ROUTE_AGENT)
        await node.until(lambda: "10.2.0.0/16" in node.ip("route show table all"))
        route = node.ip("route show table all")
        assert "via 240.0.2.10" in route or "nhid" in route
        await node.end()
