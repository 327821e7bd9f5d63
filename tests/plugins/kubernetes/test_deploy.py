"""The manifests at a real API server: all are valid, and accounts may just what they need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from submariner_kubernetes.deployment.admin import KINDS
from submariner_kubernetes.deployment.kustomization import kustomized
from submariner_kubernetes.failure import Missing
from submariner_kubernetes.lease import KubernetesLeaseStore
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import LEASES, PODS, Resource, of_kind
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.errors import StoreError
from submariner_core.api.lease import LeaseRecord
from submariner_core.api.naming import CLUSTER_ID_LABEL
from submariner_core.api.transport import Fence, Kind, Record, Ref, Snapshot
from tests.plugins.kubernetes.manifests import BROKER, DEPLOY, OWN, documents

pytestmark = pytest.mark.kube

Open = Callable[..., KubernetesTransport]
Build = Callable[..., Record]
Account = Callable[[str, str], KubernetesOptions]


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
    assert await transport.read_node("nobody") is None
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
    for plugin in ("core", "kubernetes", "kubeproxy", "libreswan", "vxlan", "wireguard"):
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
    assert await transport.read_node("nobody") is None
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


def endpoint(cluster: str, cable: str, name: str = "") -> Record:
    """An Endpoint of a cluster at the broker, by default under the name of its cable."""
    texts = dict.fromkeys(("hostname", "private_ip", "public_ip", "backend"), "")
    spec = {**texts, "cluster_id": cluster, "cable_name": cable, "subnets": []}
    return Record(
        Ref(Kind.ENDPOINT, name or f"{cluster}-{cable}"),
        {"spec": {**spec, "nat_enabled": False}},
        labels={CLUSTER_ID_LABEL: cluster},
    )


@pytest.mark.parametrize("resource", [Resource("", "v1", "secrets"), LEASES, PODS])
async def test_a_clusters_account_sees_nothing_else_at_the_broker(
    as_account: Account, client_to: Any, resource: Resource
) -> None:
    with pytest.raises(StoreError, match="403"):
        await client_to(as_account(BROKER, "cluster-east")).list(resource)


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_clusters_account_sees_and_writes_nothing_in_other_namespaces(
    as_account: Account, client_to: Any, cluster: Build, kind: Kind
) -> None:
    client = client_to(as_account(BROKER, "cluster-east"))
    elsewhere = of_kind(kind).within(OWN)
    with pytest.raises(StoreError, match="403"):
        await client.list(elsewhere)
    with pytest.raises(StoreError, match="403"):
        await client.create(elsewhere, {"metadata": {"name": "forged"}})


@pytest.mark.parametrize("kind", [Kind.GATEWAY, Kind.ROUTE_AGENT])
async def test_a_clusters_account_keeps_nothing_but_clusters_and_endpoints_at_the_broker(
    as_account: Account, client_to: Any, kind: Kind
) -> None:
    client = client_to(as_account(BROKER, "cluster-east"))
    with pytest.raises(StoreError, match="403"):
        await client.create(of_kind(kind), {"metadata": {"name": "forged"}})


@pytest.mark.parametrize(
    ("account", "kind"),
    [
        ("submariner-routeagent", Kind.CLUSTER),
        ("submariner-routeagent", Kind.ENDPOINT),
        ("submariner-routeagent", Kind.GATEWAY),
        ("submariner-gateway", Kind.ROUTE_AGENT),
    ],
)
async def test_no_daemons_account_writes_what_the_other_daemon_does(
    as_account: Account, client_to: Any, account: str, kind: Kind
) -> None:
    client = client_to(as_account(OWN, account))
    await client.list(of_kind(kind))
    for what in (
        client.create(of_kind(kind), {"metadata": {"name": "forged"}}),
        client.replace(of_kind(kind), "forged", {"metadata": {"name": "forged"}}),
        client.patch(of_kind(kind), "forged", {"metadata": {"labels": {"a": "b"}}}),
        client.delete(of_kind(kind), "forged", None),
    ):
        with pytest.raises(StoreError, match="403"):
            await what


async def test_a_clusters_account_writes_endpoints_under_the_names_of_its_own_cables_only(
    as_account: Account, transport_to: Open, cluster: Build
) -> None:
    west = transport_to(as_account(BROKER, "cluster-west"))
    own = replace(cluster("west"), labels={CLUSTER_ID_LABEL: "west"})
    await put_when_enforced(west, own, replace(own, ref=Ref(Kind.CLUSTER, "north")))
    mine = "submariner-cable-west-"
    made = [endpoint("west", f"{mine}10-0-0-5"), endpoint("west", f"{mine}fd00--5")]
    made.append(endpoint("west", f"{mine}fd00--", f"west-{mine}fd00"))
    for one in made:
        await west.put(one, None)
    for forged in (
        endpoint("west", f"{mine}10-0-0-6", "east-submariner-cable-east-10-0-0-5"),
        endpoint("west", "submariner-cable-east-10-0-0-5"),
        endpoint("west", "submariner-cable-east-10-0-0-5", "east-submariner-cable-east-10-0-0-5"),
        endpoint("west", f"{mine}10-0-0-6", f"west-{mine}10-0-0-7"),
        endpoint("west", f"{mine}10-0-0-6", f"west-{mine}10-0-0"),
        endpoint("west", f"{mine}submariner-cable-west-x-10-0-0-5"),
        endpoint("west", "anything"),
        replace(made[0], body=endpoint("west", f"{mine}10-0-0-9").body),
    ):
        with pytest.raises(StoreError, match=r"denied .*called west-submariner-cable-w"):
            await west.put(forged, None)
    with pytest.raises(StoreError, match="cluster_id must be west"):
        await west.put(endpoint("east", "submariner-cable-east-10-0-0-5"), None)
    for one in (*made, own):
        await west.delete(one.ref, None)


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
