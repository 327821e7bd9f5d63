"""A cordoned node, as the cluster's own Node object tells it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.transport import KubernetesTransport

pytestmark = pytest.mark.kube

_numbers = itertools.count()
PATCH = "application/merge-patch+json"


@pytest.fixture
def node(control_plane: Any) -> str:
    name = f"east-{next(_numbers)}"
    control_plane.admin.call("POST", "/api/v1/nodes", {"metadata": {"name": name}})
    return name


async def following(told: AsyncIterator[bool]) -> bool:
    async with asyncio.timeout(10):
        return await anext(told)


async def test_cordoning_is_told_as_it_happens_and_other_changes_are_not(
    control_plane: Any,
    namespace: Callable[[], KubernetesOptions],
    transport_to: Callable[..., KubernetesTransport],
    node: str,
) -> None:
    path = f"/api/v1/nodes/{node}"

    def change(body: object) -> None:
        control_plane.admin.call("PATCH", path, body, PATCH)

    async with aclosing(transport_to(namespace()).watch_cordoned(node)) as told:
        assert await following(told) is False
        change({"metadata": {"labels": {"submariner.io/gateway": "true"}}})
        change({"spec": {"unschedulable": True}})
        assert await following(told) is True
        change({"spec": {"unschedulable": None}})
        assert await following(told) is False
        change({"spec": {"unschedulable": True}})
        assert await following(told) is True
        control_plane.admin.call("DELETE", path)
        assert await following(told) is False


async def test_a_node_that_is_not_there_is_not_cordoned(
    namespace: Callable[[], KubernetesOptions], transport_to: Callable[..., KubernetesTransport]
) -> None:
    async with aclosing(transport_to(namespace()).watch_cordoned("nobody")) as told:
        assert await following(told) is False


async def test_a_nodes_labels_and_annotations_are_told(
    control_plane: Any,
    namespace: Callable[[], KubernetesOptions],
    transport_to: Callable[..., KubernetesTransport],
    node: str,
) -> None:
    transport = transport_to(namespace())
    meta = {"labels": {"submariner.io/gateway": "true"}, "annotations": {"a/b": "c"}}
    control_plane.admin.call("PATCH", f"/api/v1/nodes/{node}", {"metadata": meta}, PATCH)
    found = await transport.read_node(node)
    assert found is not None
    assert found.labels["submariner.io/gateway"] == "true"
    assert found.annotations["a/b"] == "c"
    assert await transport.read_node("nobody") is None
