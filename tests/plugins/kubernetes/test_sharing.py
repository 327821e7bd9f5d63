"""One broker for a gateway of ours (east) and a cluster of upstream's (west), under the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from submariner_kubernetes.options import KubernetesOptions
from submariner_lab.errors import LabError
from submariner_lab.kube.admin import Admin

from submariner_core.api.naming import CLUSTER_ID_LABEL
from tests.plugins.kubernetes import upstream
from tests.plugins.kubernetes.container import Node
from tests.plugins.kubernetes.manifests import BROKER
from tests.plugins.kubernetes.syncer import Syncer
from tests.plugins.kubernetes.test_replacing import endpoint, forget
from tests.plugins.kubernetes.upstream import NAMESPACE

pytestmark = [pytest.mark.kube, pytest.mark.timeout(150)]

OURS = "east-submariner-cable-east-192-0-2-1"
Write = Callable[[str, str, dict[str, Any]], None]
Stored = Callable[[str, str], dict[str, dict[str, Any]]]


@pytest.fixture
def stored(plane: Any) -> Stored:
    def found(namespace: str, plural: str) -> dict[str, dict[str, Any]]:
        path = f"/apis/submariner.io/v1/namespaces/{namespace}/{plural}"
        return {one["metadata"]["name"]: one for one in plane.admin.call("GET", path)["items"]}

    return found


@pytest.fixture
def west(namespace: Callable[[], KubernetesOptions]) -> str:
    """The namespace that stands for the other cluster's API server."""
    return str(namespace().namespace)


@pytest.fixture
def own(plane: Any, west: str) -> Callable[[str, str, dict[str, Any]], None]:
    """What west's own gateway writes in its cluster: a method, a plural, an object."""

    def write(method: str, plural: str, body: dict[str, Any]) -> None:
        path = f"/apis/submariner.io/v1/namespaces/{west}/{plural}"
        name = "" if method == "POST" else f"/{body['metadata']['name']}"
        change = "application/merge-patch+json" if method == "PATCH" else "application/json"
        plane.admin.call(method, path + name, None if method == "DELETE" else body, change)

    return write


@pytest.fixture
def syncer(plane: Any, west: str, own: Write, tmp_path: Path) -> Iterator[Syncer]:
    token = tmp_path / "west.token"
    token.write_text(plane.admin.token(BROKER, "cluster-west"))
    made = Syncer("west", (plane.admin, west), (Admin(plane.apiserver, token), BROKER))
    own("POST", "clusters", cluster("west", "10.2.0.0/16"))
    yield made
    forget(plane)


def cluster(name: str, cidr: str) -> dict[str, Any]:
    ranges = {"cluster_cidr": [cidr], "service_cidr": [], "global_cidr": []}
    meta = {"apiVersion": "submariner.io/v1", "kind": "Cluster", "metadata": {"name": name}}
    return {**meta, "spec": {"cluster_id": name, "color_codes": ["blue"], **ranges}}


def theirs(address: str, *subnets: str) -> dict[str, Any]:
    _, made = endpoint("west", address, "10.2.0.0/16")
    del made["metadata"]["labels"]
    made["spec"]["subnets"] = list(subnets) or made["spec"]["subnets"]
    return made


async def test_objects_of_both_reach_each_other_change_and_go(
    plane: Any, node: Node, syncer: Syncer, stored: Stored, own: Write, west: str
) -> None:
    first, second = theirs("192.0.2.20"), theirs("192.0.2.21")
    name = first["metadata"]["name"]
    own("POST", "endpoints", first)
    node.secret("submariner-broker-secret", plane.admin.token(BROKER, "cluster-east"))
    broker = {"BROKER_K8S_APISERVER": f"127.0.0.1:{plane.apiserver.port}"}
    environ = {**upstream.GATEWAY, **broker}
    node.start("submariner.sh", "submariner-gateway", environ)

    async def until(condition: Callable[[], bool]) -> None:
        def synced() -> bool:
            syncer.step()
            return condition()

        await node.until(synced, 40, every=0.5)

    # each has the other's objects, as they were written
    await until(
        lambda: OURS in stored(west, "endpoints") and name in stored(NAMESPACE, "endpoints")
    )
    copy, source = stored(west, "endpoints")[OURS], stored(NAMESPACE, "endpoints")[OURS]
    assert copy["spec"] == source["spec"]
    assert copy["metadata"]["labels"] == {CLUSTER_ID_LABEL: "east"}
    assert CLUSTER_ID_LABEL not in source["metadata"].get("labels", {})
    copy = stored(NAMESPACE, "endpoints")[name]
    assert copy["spec"] == first["spec"]
    assert copy["metadata"]["labels"] == {CLUSTER_ID_LABEL: "west"}
    assert "west" in stored(NAMESPACE, "clusters")
    assert "east" in stored(west, "clusters")

    # theirs changes in place, then another gateway of theirs leads
    own("PATCH", "endpoints", {**first, "spec": {"healthCheckIP": "10.2.0.1"}})
    await until(
        lambda: stored(NAMESPACE, "endpoints")[name]["spec"].get("healthCheckIP") == "10.2.0.1"
    )
    own("DELETE", "endpoints", first)
    own("POST", "endpoints", second)
    await until(lambda: set(stored(NAMESPACE, "endpoints")) == {OURS, second["metadata"]["name"]})
    assert set(stored(BROKER, "endpoints")) == {OURS, second["metadata"]["name"]}

    # while ours is away, theirs leaves; and starts: nothing of ours goes by that
    await node.end()
    own("DELETE", "endpoints", second)
    await asyncio.to_thread(syncer.start)
    assert set(stored(BROKER, "endpoints")) == {OURS}
    assert OURS in stored(west, "endpoints")
    node.start("submariner.sh", "submariner-gateway", environ)
    await until(lambda: set(stored(NAMESPACE, "endpoints")) == {OURS})
    await node.end()


async def test_the_policy_lets_upstreams_syncer_do_its_work_and_nothing_else(
    plane: Any, syncer: Syncer, stored: Stored, own: Write, west: str
) -> None:
    own("POST", "endpoints", theirs("192.0.2.20"))
    await asyncio.to_thread(syncer.step)
    assert len(stored(BROKER, "endpoints")) == 1
    assert set(stored(BROKER, "clusters")) == {"west"}
    forged = theirs("192.0.2.30")
    forged["metadata"]["name"] = OURS
    own("POST", "endpoints", forged)
    with pytest.raises(LabError, match="denied request"):
        await asyncio.to_thread(syncer.step)


async def test_what_overlaps_upstreams_own_subnets_is_left_out_there(
    plane: Any, syncer: Syncer, stored: Stored, own: Write, west: str
) -> None:
    _, ours = endpoint("east", "192.0.2.1", "10.2.5.0/24")
    ours["metadata"]["labels"] = {CLUSTER_ID_LABEL: "east"}
    plane.admin.call("POST", f"/apis/submariner.io/v1/namespaces/{BROKER}/endpoints", ours)
    own("POST", "endpoints", theirs("192.0.2.20"))
    await asyncio.to_thread(syncer.step)
    assert ours["metadata"]["name"] not in stored(west, "endpoints")
