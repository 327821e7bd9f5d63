"""Kubernetes writes one object at a time: what that leaves to a leader that was overtaken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.failure import Conflict, Missing
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import Object, Resource, of_kind
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.errors import StaleEpoch, StoreUnavailable
from submariner_core.api.naming import EPOCH_ANNOTATION
from submariner_core.api.transport import Fence, Kind, Record, Ref

pytestmark = pytest.mark.kube

Place = Callable[[], KubernetesOptions]
Open = Callable[..., KubernetesTransport]
Build = Callable[..., Record]
GATEWAYS = of_kind(Kind.GATEWAY)
ENDPOINT = {
    **dict.fromkeys(("cluster_id", "cable_name", "hostname", "backend", "private_ip"), "x"),
    "subnets": [],
    "public_ip": "",
    "nat_enabled": False,
}


class Overtaken(KubeClient):
    """Somebody does something right before each write of an Endpoint or Gateway."""

    def __init__(
        self, options: KubernetesOptions, meanwhile: Callable[[], Awaitable[Any]]
    ) -> None:
        super().__init__(options, "datastore", 5)
        self.meanwhile = meanwhile
        self.asked: list[str] = []

    async def _request(
        self, method: str, resource: Resource, *args: Any, **keywords: Any
    ) -> Object:
        self.asked.append(f"{method} {resource.plural}")
        if method != "GET" and resource.plural != "clusters":
            await self.meanwhile()
        return await super()._request(method, resource, *args, **keywords)


def gateway(number: int) -> Record:
    status = {
        "version": str(number),
        "haStatus": "passive",
        "localEndpoint": ENDPOINT,
        "statusFailure": "",
        "connections": [],
    }
    return Record(Ref(Kind.GATEWAY, "east-1"), {"status": status})


def endpoint(**annotations: str) -> Record:
    return Record(Ref(Kind.ENDPOINT, "east-a"), {"spec": ENDPOINT}, annotations=annotations)


async def test_a_leader_overtaken_between_check_and_write_is_told_and_its_record_is_lower(
    namespace: Place, transport_to: Open, cluster: Build
) -> None:
    options = namespace()
    other = transport_to(options)
    await other.put(cluster(epoch=4), None)
    client = Overtaken(options, lambda: other.put(cluster(epoch=5), Fence("east", 5)))
    transport = KubernetesTransport(client)
    with pytest.raises(StaleEpoch) as refusal:
        await transport.put(endpoint(**{EPOCH_ANNOTATION: "4"}), Fence("east", 4))
    assert (refusal.value.stored, refusal.value.offered) == (5, 4)
    stored = await client.get(of_kind(Kind.ENDPOINT), "east-a")
    assert stored["metadata"]["annotations"] == {EPOCH_ANNOTATION: "4"}
    await transport.close()


async def test_a_record_that_a_higher_leader_wrote_meanwhile_is_never_overwritten(
    namespace: Place, transport_to: Open
) -> None:
    options = namespace()
    other = transport_to(options)
    await other.put(endpoint(**{EPOCH_ANNOTATION: "4"}), None)
    client = Overtaken(options, lambda: other.put(endpoint(**{EPOCH_ANNOTATION: "5"}), None))
    transport = KubernetesTransport(client)
    with pytest.raises(StaleEpoch):
        await transport.put(endpoint(x="1", **{EPOCH_ANNOTATION: "4"}), Fence("east", 4))
    with pytest.raises(StaleEpoch):
        await transport.delete(Ref(Kind.ENDPOINT, "east-a"), Fence("east", 4))
    stored = await client.get(of_kind(Kind.ENDPOINT), "east-a")
    assert stored["metadata"]["annotations"] == {EPOCH_ANNOTATION: "5"}
    await transport.close()


async def test_a_record_that_is_rewritten_all_the_time_is_given_up_for_now(
    namespace: Place, transport_to: Open
) -> None:
    options = namespace()
    other = transport_to(options)
    numbers = iter(range(100, 200))
    await other.put(gateway(0), None)
    client = Overtaken(options, lambda: other.put(gateway(next(numbers)), None))
    transport = KubernetesTransport(client)
    with pytest.raises(StoreUnavailable, match="all the time"):
        await transport.put(gateway(1), None)
    await transport.close()


async def test_what_only_we_change_costs_one_request_and_what_is_equal_is_asked_about(
    namespace: Place,
) -> None:
    async def nothing() -> None: ...

    client = Overtaken(namespace(), nothing)
    transport = KubernetesTransport(client)
    await transport.put(gateway(1), None)
    client.asked.clear()
    await transport.put(gateway(2), None)
    await transport.put(gateway(3), None)
    assert client.asked == ["PUT gateways", "PUT gateways"]
    await client.delete(GATEWAYS, "east-1", None)
    client.asked.clear()
    await transport.put(gateway(3), None)
    assert client.asked == ["GET gateways", "POST gateways"]
    await client.delete(GATEWAYS, "east-1", None)
    await transport.put(gateway(4), None)
    assert (await client.get(GATEWAYS, "east-1"))["status"]["version"] == "4"
    await transport.close()


async def test_a_delete_is_of_the_version_that_was_looked_at(
    namespace: Place, client_to: Any
) -> None:
    client = client_to(namespace())
    body = {
        "apiVersion": GATEWAYS.api_version,
        "kind": "Gateway",
        "metadata": {"name": "east-1"},
        **gateway(1).body,
    }
    first = await client.create(GATEWAYS, body)
    await client.replace(GATEWAYS, "east-1", {**first, **gateway(2).body})
    with pytest.raises(Conflict):
        await client.delete(GATEWAYS, "east-1", first)
    await client.delete(GATEWAYS, "east-1", None)
    with pytest.raises(Missing):
        await client.delete(GATEWAYS, "east-1", None)
