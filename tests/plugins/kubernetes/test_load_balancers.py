"""The address of a LoadBalancer Service, at a real API server: who gives it one is this test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from submariner_kubernetes.deployment.admin import KINDS
from submariner_kubernetes.deployment.kustomization import kustomized
from submariner_kubernetes.failure import Forbidden
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import SERVICES
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.observe import public_ip as room
from submariner_core.observe.public_ip import PublicIp
from tests.plugins.kubernetes.manifests import DEPLOY, OWN

pytestmark = pytest.mark.kube

NAME = "submariner-gateway"
PATCH = "application/merge-patch+json"
Account = Callable[[str, str], KubernetesOptions]
Open = Callable[..., KubernetesTransport]


class Provider:
    """Makes the Service of ``deploy/`` in a namespace, and gives it addresses as a cloud does."""

    def __init__(self, admin: Any, namespace: str) -> None:
        self._admin = admin
        self._services = f"/api/v1/namespaces/{namespace}/services"
        (self.service,) = kustomized(DEPLOY / "components" / "load-balancer")
        self.service["metadata"]["namespace"] = namespace

    def make(self) -> None:
        self._admin.call("POST", f"{self._services}?fieldValidation=Strict", self.service)

    def give(self, *ingress: dict[str, str]) -> None:
        body = {"status": {"loadBalancer": {"ingress": list(ingress)}}}
        self._admin.call("PATCH", f"{self._services}/{NAME}/status", body, PATCH)


@pytest.fixture
def place(namespace: Callable[[], KubernetesOptions]) -> KubernetesOptions:
    return namespace()


@pytest.fixture
def provider(control_plane: Any, place: KubernetesOptions) -> Provider:
    assert place.namespace is not None
    return Provider(control_plane.admin, place.namespace)


async def test_what_a_service_is_given_is_told(
    provider: Provider, place: KubernetesOptions, transport_to: Open
) -> None:
    transport = transport_to(place)
    assert await transport.read_load_balancer(NAME) is None
    provider.make()
    assert await transport.read_load_balancer(NAME) == ()
    provider.give({"ip": "203.0.113.9"})
    assert await transport.read_load_balancer(NAME) == ("203.0.113.9",)
    provider.give({"hostname": "a1.elb.example"}, {"ip": "203.0.113.7"})
    assert await transport.read_load_balancer(NAME) == ("a1.elb.example", "203.0.113.7")
    provider.give()
    assert await transport.read_load_balancer(NAME) == ()


@contextlib.asynccontextmanager
async def looking(
    transport: KubernetesTransport, folder: Path
) -> AsyncIterator[Callable[..., Any]]:
    """Waits until the address and the problem are as given."""
    news = asyncio.Event()
    one = PublicIp(f"lb:{NAME}", news.set, folder / "public-ip", transport.read_load_balancer)

    async def until(address: str | None, problem: str) -> None:
        wanted = None if address is None else IPv4Address(address)
        async with asyncio.timeout(20):
            while one.address != wanted or (problem or "none") not in (one.problem or "none"):
                await news.wait()
                news.clear()

    task = asyncio.create_task(one.run())
    try:
        yield until
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_gateway_takes_the_address_up_whenever_it_comes_and_changes(
    provider: Provider,
    place: KubernetesOptions,
    transport_to: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "FIRST_RETRY", 0.05)
    monkeypatch.setattr(room, "PERIOD", 0.1)
    resolved = [(0, 0, 0, "", ("203.0.113.7", 0)), (0, 0, 0, "", ("203.0.113.5", 0))]

    def resolve(name: str, *asked: Any) -> Any:
        return resolved if name == "a1.elb.example" else real(name, *asked)

    async with looking(transport_to(place), tmp_path) as until:
        await until(None, "awaits a Service of this name")
        provider.make()
        await until(None, "awaits an address")
        provider.give({"ip": "203.0.113.9"})
        await until("203.0.113.9", "")
        real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        provider.give({"hostname": "a1.elb.example"})
        await until("203.0.113.5", "")
        provider.give()
        await until("203.0.113.5", "awaits an address")


async def test_who_may_not_read_services_is_told_what_lets_it(
    as_account: Account, transport_to: Open, tmp_path: Path
) -> None:
    transport = transport_to(as_account(OWN, "submariner-routeagent"))
    async with looking(transport, tmp_path) as until:
        await until(None, "kubectl apply -k deploy/rbac")


async def test_a_gateways_account_reads_a_service_of_its_namespace_and_no_more(
    as_account: Account, transport_to: Open, client_to: Any
) -> None:
    options = as_account(OWN, "submariner-gateway")
    assert await transport_to(options).read_load_balancer("any") is None
    client = client_to(options)
    body = {"metadata": {"name": "forged"}}
    for what in (
        client.list(SERVICES),
        client.get(SERVICES.within("default"), "kubernetes"),
        client.create(SERVICES, body),
        client.replace(SERVICES, "forged", body),
        client.patch(SERVICES, "forged", {"metadata": {"labels": {"a": "b"}}}),
        client.delete(SERVICES, "forged", None),
    ):
        with pytest.raises(Forbidden):
            await what


async def test_upstreams_account_may_be_asked_too(
    plane: Any, transport_to: Open, as_account: Account
) -> None:
    del plane  # it has made the account
    transport = transport_to(as_account("upstreams-place", "submariner-gateway"))
    assert await transport.read_load_balancer(NAME) is None


@pytest.mark.parametrize("cable", ["vxlan", "wireguard", "libreswan"])
def test_the_service_leads_to_the_ports_of_the_active_gateway(cable: str, applied: Any) -> None:
    found = kustomized(DEPLOY / "overlays" / cable)
    kustomized(DEPLOY / "components" / "load-balancer", found)
    (service,) = (one for one in found if one["kind"] == "Service")
    path = KINDS["Service"].path(OWN, NAME)
    how = "dryRun=All&fieldValidation=Strict&fieldManager=test&force=true"
    applied.admin.call("PATCH", f"{path}?{how}", service, "application/apply-patch+yaml")
    spec = service["spec"]
    (gateway,) = (
        one for one in found if (one["kind"], one["metadata"]["name"]) == ("DaemonSet", NAME)
    )
    labels = gateway["spec"]["template"]["metadata"]["labels"]
    assert spec["selector"] == {**labels, "gateway.submariner.io/status": "active"}
    ports = {port["name"]: port["port"] for port in spec["ports"]}
    assert (ports["cable-encaps"], ports["natt-discovery"]) == (4500, 4490)
    assert set(ports.values()) == {4490, *range(4500, 4508)}
    assert all(port["targetPort"] == port["port"] for port in spec["ports"])
