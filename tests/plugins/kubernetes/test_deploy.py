"""The manifests at a real API server: all are valid, and accounts may just what they need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML
from submariner_kubernetes.deployment.admin import KINDS
from submariner_kubernetes.deployment.kustomization import kustomized
from submariner_kubernetes.failure import Missing
from submariner_kubernetes.lease import KubernetesLeaseStore
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import LEASES, PODS, Resource
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.errors import StoreError
from submariner_core.api.lease import LeaseRecord
from submariner_core.api.naming import CLUSTER_ID_LABEL
from submariner_core.api.transport import Fence, Kind, Record, Ref, Snapshot

pytestmark = pytest.mark.kube

DEPLOY = Path(__file__).parents[3] / "deploy"
OWN, BROKER = "submariner-operator", "submariner-k8s-broker"
Open = Callable[..., KubernetesTransport]
Build = Callable[..., Record]
Account = Callable[[str, str], KubernetesOptions]


def documents(folder: str, **named: str) -> Iterator[dict[str, Any]]:
    """What a kustomization applies, in its order."""
    base = DEPLOY / folder
    for name in YAML(typ="safe").load(base / "kustomization.yaml")["resources"]:
        if (base / name).suffix == ".yaml":
            yield from read(base / name)


def read(path: Path, **named: str) -> Iterator[dict[str, Any]]:
    text = path.read_text("utf-8")
    for old, new in named.items():
        text = text.replace(old, new)
    yield from YAML(typ="safe").load_all(text)


@pytest.fixture(scope="module")
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
def as_account(applied: Any) -> Account:
    def options(namespace: str, account: str) -> KubernetesOptions:
        return KubernetesOptions(
            url=applied.apiserver.url,
            ca_file=applied.apiserver.ca_file,
            namespace=namespace,
            token=SecretStr(applied.admin.token(namespace, account)),
        )

    return options


async def snapshot(transport: KubernetesTransport, *kinds: Kind) -> Snapshot:
    async with aclosing(transport.watch(kinds)) as events, asyncio.timeout(10):
        first = await anext(events)
    assert isinstance(first, Snapshot)
    return first


async def test_a_gateways_account_may_all_that_a_gateway_does(
    as_account: Account, transport_to: Open, cluster: Build, client_to: Any
) -> None:
    options = as_account(OWN, "submariner-gateway")
    transport = transport_to(options)
    await transport.put(cluster("east", epoch=1), Fence("east", 1))
    await transport.put(cluster("east", epoch=2), Fence("east", 2))
    assert len((await snapshot(transport, *Kind)).records) == 1
    async with aclosing(transport.watch_cordoned("nobody")) as told, asyncio.timeout(10):
        assert await anext(told) is False
    await transport.delete(Ref(Kind.CLUSTER, "east"), Fence("east", 2))
    with pytest.raises(Missing):  # it is not there, but might be labelled
        await client_to(options).patch(PODS, "nobody", {"metadata": {"labels": {"a": "b"}}})
    store = KubernetesLeaseStore(client_to(options))
    taken = await store.swap(None, LeaseRecord("a", 1, 3.0))
    assert await store.swap(taken, LeaseRecord("a", 1, 3.0)) is not None
    async with aclosing(store.watch()) as told_lease, asyncio.timeout(10):
        assert await anext(told_lease) == await store.read()


@pytest.mark.parametrize("overlay", sorted(p.name for p in (DEPLOY / "overlays").iterdir()))
def test_every_overlay_is_what_an_api_server_takes(applied: Any, overlay: str) -> None:
    found = kustomized(DEPLOY / "overlays" / overlay)
    assert len([one for one in found if one["kind"] == "DaemonSet"]) >= 2
    for one in found:
        path = KINDS[one["kind"]].path(
            one["metadata"].get("namespace", ""), one["metadata"]["name"]
        )
        how = "dryRun=All&fieldValidation=Strict&fieldManager=test&force=true"
        applied.admin.call("PATCH", f"{path}?{how}", one, "application/apply-patch+yaml")


def test_daemons_are_updated_and_ended_so_that_they_can_hand_over() -> None:
    found = {one["metadata"]["name"]: one["spec"] for one in documents("daemons")}
    for name, seconds in (("submariner-gateway", 60), ("submariner-routeagent", 30)):
        pod = found[name]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] == seconds
        assert {"livenessProbe", "readinessProbe"} <= pod["containers"][0].keys()
    assert found["submariner-gateway"]["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": 1}
    assert found["submariner-gateway"]["template"]["spec"]["nodeSelector"] == {
        "submariner.io/gateway": "true"
    }


def test_the_image_holds_every_distribution_that_the_manifests_name() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    for one in kustomized(DEPLOY / "overlays" / "wireguard"):
        if one["kind"] == "DaemonSet":
            (container,) = one["spec"]["template"]["spec"]["containers"]
            assert container["args"][0] in {"gateway", "route-agent"}
    assert 'ENTRYPOINT ["submariner"]' in text
    for plugin in ("core", "kubernetes", "kubeproxy", "vxlan", "wireguard"):
        assert f"submariner-{plugin}" in text


@pytest.mark.parametrize("plural", ["secrets", "pods", "configmaps"])
async def test_no_daemons_account_may_read_what_it_has_no_use_for(
    as_account: Account, client_to: Any, plural: str
) -> None:
    for account in ("submariner-gateway", "submariner-routeagent"):
        with pytest.raises(StoreError, match="403"):
            await client_to(as_account(OWN, account)).list(Resource("", "v1", plural))


async def test_a_gateways_account_may_not_touch_other_leases(
    as_account: Account, client_to: Any
) -> None:
    with pytest.raises(StoreError, match="403"):
        await client_to(as_account(OWN, "submariner-gateway")).get(LEASES, "another")


async def test_a_route_agents_account_reads_and_writes_route_agents_only(
    as_account: Account, transport_to: Open, cluster: Build
) -> None:
    transport = transport_to(as_account(OWN, "submariner-routeagent"))
    await snapshot(transport, *Kind)
    status = {"version": "1", "statusFailure": "", "remoteEndpoints": []}
    own = Record(Ref(Kind.ROUTE_AGENT, "node"), {"status": status})
    await transport.put(own, None)
    await transport.delete(own.ref, None)
    with pytest.raises(StoreError, match=r"403.*cannot create"):
        await transport.put(cluster("east"), None)


async def test_a_clusters_account_writes_its_own_objects_at_the_broker_and_reads_all(
    as_account: Account, transport_to: Open, cluster: Build
) -> None:
    east = transport_to(as_account(BROKER, "cluster-east"))
    west = transport_to(as_account(BROKER, "cluster-west"))
    own = replace(cluster("east", epoch=1), labels={CLUSTER_ID_LABEL: "east"})
    await put_when_enforced(east, own, replace(own, labels={CLUSTER_ID_LABEL: "west"}))
    for forged, why in (
        (own, "cluster_id must be west"),
        (replace(own, ref=Ref(Kind.CLUSTER, "other")), "cluster_id must be west"),
        (cluster("west"), "the label submariner-io/clusterID must be west"),
        (
            replace(
                cluster("west"),
                ref=Ref(Kind.CLUSTER, "north"),
                labels={CLUSTER_ID_LABEL: "west"},
            ),
            "is called west",
        ),
    ):
        changed = replace(forged, annotations={"changed": "yes"})
        with pytest.raises(StoreError, match=f"denied request: .*{why}"):
            await west.put(changed, None)
    with pytest.raises(StoreError, match="of another cluster than west"):
        await west.delete(own.ref, None)
    assert [r.ref.name for r in (await snapshot(west, Kind.CLUSTER)).records] == ["east"]
    await east.delete(own.ref, Fence("east", 1))


async def put_when_enforced(transport: KubernetesTransport, good: Record, forged: Record) -> None:
    """A policy is enforced some time after it is made: then what is forged is refused."""
    async with asyncio.timeout(20):
        while True:
            try:
                await transport.put(forged, None)
            except StoreError:
                break
            await transport.delete(forged.ref, None)
    await transport.put(good, None)
