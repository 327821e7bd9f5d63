"""A broker with objects that somebody wrote to do harm: they are named, and harm nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from ipaddress import ip_network
from typing import Any

import pytest
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.transport import KubernetesTransport
from submariner_lab.errors import LabError

from submariner_core.api.naming import (
    CLUSTER_ID_LABEL,
    EPOCH_ANNOTATION,
    GATEWAYS_ANNOTATION,
    cable_name,
    endpoint_name,
)
from submariner_core.api.transport import Kind, Put, Ref
from submariner_core.reconcile.admission import OwnNetwork, admit
from submariner_core.reconcile.stores import StoreView, fold

pytestmark = pytest.mark.kube

ENDPOINTS = "/apis/submariner.io/v1/namespaces/{}/endpoints"
OWN = OwnNetwork("east", (ip_network("10.1.0.0/16"), ip_network("100.1.0.0/16")))


def endpoint(cluster: str, address: str, *subnets: Any, **spec: Any) -> dict[str, Any]:
    """An Endpoint as its cluster's gateway puts it at the broker."""
    cable = cable_name(cluster, ip_network(address).network_address)
    body = {
        "cluster_id": cluster,
        "cable_name": cable,
        "hostname": f"{cluster}-1",
        "subnets": list(subnets),
        "private_ip": address,
        "public_ip": "",
        "nat_enabled": False,
        "backend": "vxlan",
    }
    return {
        "apiVersion": "submariner.io/v1",
        "kind": "Endpoint",
        "metadata": {
            "name": endpoint_name(cluster, cable),
            "labels": {CLUSTER_ID_LABEL: cluster},
            "annotations": {EPOCH_ANNOTATION: "1"},
        },
        "spec": {**body, **spec},
    }


def annotated(one: dict[str, Any], **annotations: str) -> dict[str, Any]:
    one["metadata"]["annotations"].update(annotations)
    return one


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"subnets": "10.2.0.0/16"}, "spec.subnets"),
        ({"subnets": [7]}, r"spec.subnets\[0\]"),
        ({"private_ip": 7}, "spec.private_ip"),
        ({"nat_enabled": "yes"}, "spec.nat_enabled"),
        ({"backend_config": {"port": 4500}}, "spec.backend_config.port"),
        ({"cluster_id": "x" * 64}, "spec.cluster_id"),
    ],
)
def test_the_definition_refuses_wrong_types(
    control_plane: Any, namespace: Callable[[], KubernetesOptions], wrong: Any, named: str
) -> None:
    path = ENDPOINTS.format(namespace().namespace)
    with pytest.raises(LabError, match=f"422.*{named}"):
        control_plane.admin.call("POST", path, endpoint("west", "10.9.0.1") | {
            "spec": {**endpoint("west", "10.9.0.1")["spec"], **wrong}
        })  # fmt: skip


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "huge list": (
        endpoint("h1", "10.9.1.1", *(f"10.{100 + n // 256}.{n % 256}.0/24" for n in range(5000))),
        "at most 1024",
    ),
    "no network": (endpoint("h2", "10.9.1.2", "10.2.0.0/99"), "10.2.0.0/99"),
    "no address": (
        endpoint("h4", "10.9.1.4", "10.44.0.0/16", private_ip="::1%$(reboot)"),
        "private_ip",
    ),
    "unicode": (
        endpoint("h5", "10.9.1.5", "10.45.0.0/16", cluster_id="n\u043erth\u202e"),
        "cluster_id",
    ),
    "huge annotation": (
        annotated(
            endpoint("h6", "10.9.1.6", "10.46.0.0/16"), **{GATEWAYS_ANNOTATION: "[" * 261_000}
        ),
        GATEWAYS_ANNOTATION,
    ),
    "no epoch": (
        annotated(endpoint("h7", "10.9.1.7", "10.47.0.0/16"), **{EPOCH_ANNOTATION: "9" * 40}),
        EPOCH_ANNOTATION,
    ),
    "other's gateways": (
        annotated(
            endpoint("h8", "10.9.1.8", "10.48.0.0/16"),
            **{GATEWAYS_ANNOTATION: '[{"slot": 0, "endpoint": {"cluster_id": "west"}}]'},
        ),
        GATEWAYS_ANNOTATION,
    ),
}  # fmt: skip


async def test_what_the_server_takes_and_we_cannot_read_is_named_and_the_others_stay_as_they_are(
    control_plane: Any,
    namespace: Callable[[], KubernetesOptions],
    transport_to: Callable[..., KubernetesTransport],
) -> None:
    place = namespace()
    path = ENDPOINTS.format(place.namespace)
    admin = control_plane.admin
    await asyncio.to_thread(admin.call, "POST", path, endpoint("west", "10.9.0.1", "10.2.0.0/16"))
    async with aclosing(transport_to(place).watch([Kind.ENDPOINT])) as events, asyncio.timeout(30):
        view = fold(StoreView(), await anext(events), 0.0)
        (west,) = view.endpoints()
        for one, _ in HOSTILE.values():
            await asyncio.to_thread(admin.call, "POST", path, one)
            event = await anext(events)
            assert isinstance(event, Put)
            view = fold(view, event, 0.0)
    assert view.endpoints() == (west,)
    for what, (one, named) in HOSTILE.items():
        reason = view.malformed[Ref(Kind.ENDPOINT, one["metadata"]["name"])]
        assert named in reason, what
        assert len(reason) < 1000, what


async def test_the_largest_object_that_a_server_stores_comes_through_a_watch(
    control_plane: Any,
    namespace: Callable[[], KubernetesOptions],
    transport_to: Callable[..., KubernetesTransport],
) -> None:
    place = namespace()
    path = ENDPOINTS.format(place.namespace)
    large = endpoint("large", "10.9.2.1", "10.60.0.0/16")
    large["spec"]["backend_config"] = {f"key{n}": "x" * 1024 for n in range(1000)}
    async with aclosing(transport_to(place).watch([Kind.ENDPOINT])) as events, asyncio.timeout(30):
        await anext(events)
        await asyncio.to_thread(control_plane.admin.call, "POST", path, large)
        event = await anext(events)
        assert isinstance(event, Put)
        assert len(event.record.body["spec"]["backend_config"]) == 1000
        small = endpoint("west", "10.9.2.2", "10.2.0.0/16")
        await asyncio.to_thread(control_plane.admin.call, "POST", path, small)
        event = await anext(events)
        assert event.record.ref.name == small["metadata"]["name"]


async def test_who_claims_others_prefixes_or_ours_gets_none_of_them(
    control_plane: Any,
    namespace: Callable[[], KubernetesOptions],
    transport_to: Callable[..., KubernetesTransport],
) -> None:
    place = namespace()
    path = ENDPOINTS.format(place.namespace)
    claim = {"submariner.io/claimed": "2026-01-01T00:00:00Z west"}
    late = {"submariner.io/claimed": "2026-01-02T00:00:00Z thief"}
    greedy = ("10.2.128.0/17", "10.1.5.0/24", "0.0.0.0/0", "240.0.0.0/8", "10.70.0.0/16")
    for one in (
        annotated(endpoint("thief", "10.9.3.2", *greedy), **late),
        annotated(endpoint("west", "10.9.3.1", "10.2.0.0/16"), **claim),
        annotated(endpoint("impostor", "10.9.3.3", "10.80.0.0/16", cluster_id="east"), **late),
    ):
        await asyncio.to_thread(control_plane.admin.call, "POST", path, one)
    async with aclosing(transport_to(place).watch([Kind.ENDPOINT])) as events, asyncio.timeout(30):
        view = fold(StoreView(), await anext(events), 0.0)
    verdict = admit(OWN, view.endpoints())
    assert verdict.admitted == {
        "west": (ip_network("10.2.0.0/16"),),
        "thief": (ip_network("10.70.0.0/16"),),
    }
    told = " ".join(str(refusal) for refusal in verdict.refused)
    for prefix in greedy[:-1]:
        assert f"{prefix} of cluster 'thief' is refused" in told
