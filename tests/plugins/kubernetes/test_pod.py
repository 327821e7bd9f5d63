"""The gateway's pod is labelled by who holds the Lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from submariner_kubernetes import pod as pod_module
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.lease import KubernetesLeaseStore
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.pod import GatewayPod

from submariner_core.api.lease import LeaseRecord

pytestmark = pytest.mark.kube

ENVIRON = {"POD_NAME": "submariner-gateway-abcde", "NODE_NAME": "east-1"}


@pytest.fixture
def place(namespace: Callable[[], KubernetesOptions]) -> KubernetesOptions:
    return namespace()


@pytest.fixture
def store(place: KubernetesOptions, client_to: Callable[..., KubeClient]) -> KubernetesLeaseStore:
    client = client_to(place)
    return KubernetesLeaseStore(client, GatewayPod.of_this_process(client, ENVIRON))


def pods(place: KubernetesOptions) -> str:
    return f"/api/v1/namespaces/{place.namespace}/pods"


def make(control_plane: Any, place: KubernetesOptions) -> None:
    body = {
        "metadata": {"name": ENVIRON["POD_NAME"], "labels": {"app": "submariner-gateway"}},
        "spec": {"containers": [{"name": "c", "image": "none"}]},
    }
    control_plane.admin.call("POST", pods(place), body)


async def labelled(control_plane: Any, place: KubernetesOptions, status: str) -> None:
    path = f"{pods(place)}/{ENVIRON['POD_NAME']}"
    want = {
        "app": "submariner-gateway",
        "gateway.submariner.io/node": "east-1",
        "gateway.submariner.io/status": status,
    }
    async with asyncio.timeout(10):
        while control_plane.admin.call("GET", path)["metadata"].get("labels") != want:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def watched(store: KubernetesLeaseStore) -> None:
    async with aclosing(store.watch()) as changes:
        async for _ in changes:
            pass


async def test_the_pod_is_passive_until_we_hold_the_lease_and_after_we_lost_it(
    control_plane: Any, place: KubernetesOptions, store: KubernetesLeaseStore, lease_in: Any
) -> None:
    make(control_plane, place)
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watched(store))
        await labelled(control_plane, place, "passive")
        taken = await store.swap(None, LeaseRecord("east-1_x_1", 1, 3.0))
        await labelled(control_plane, place, "active")
        other = await lease_in(place).swap(taken, LeaseRecord("east-2_x_1", 2, 3.0))
        await labelled(control_plane, place, "passive")
        again = await store.swap(other, LeaseRecord("east-1_x_1", 3, 3.0))
        await labelled(control_plane, place, "active")
        await store.swap(again, LeaseRecord("", 3, 3.0))
        await labelled(control_plane, place, "passive")
        watching.cancel()


async def test_a_pod_that_is_not_there_yet_is_labelled_once_it_is(
    control_plane: Any,
    place: KubernetesOptions,
    store: KubernetesLeaseStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pod_module, "RETRY", 0.05)
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watched(store))
        await store.swap(None, LeaseRecord("east-1_x_1", 1, 3.0))
        make(control_plane, place)
        await labelled(control_plane, place, "active")
        watching.cancel()


def test_outside_a_pod_there_is_nothing_to_label(client_to: Any) -> None:
    assert GatewayPod.of_this_process(client_to(KubernetesOptions()), {"NODE_NAME": "x"}) is None
