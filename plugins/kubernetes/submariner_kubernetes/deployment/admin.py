"""Any object at an API server: applied, and taken away again by whoever made it."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from submariner_core.api.errors import StoreError, StoreUnavailable
from submariner_kubernetes.client import KubeClient
from submariner_kubernetes.failure import Conflict, Missing, Overloaded
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import SERVICES, Object, Resource

MADE_BY = "submariner.io/made-by"
"""Label of what a command has made, not found: the command's name."""
TIMEOUT = 10.0
PATIENCE = 30.0
POLL = 0.2
_RBAC, _ADMISSION = "rbac.authorization.k8s.io", "admissionregistration.k8s.io"
KINDS = {
    "CustomResourceDefinition": Resource(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False
    ),
    "Namespace": Resource("", "v1", "namespaces", namespaced=False),
    "ServiceAccount": Resource("", "v1", "serviceaccounts"),
    "Role": Resource(_RBAC, "v1", "roles"),
    "RoleBinding": Resource(_RBAC, "v1", "rolebindings"),
    "ClusterRole": Resource(_RBAC, "v1", "clusterroles", namespaced=False),
    "ClusterRoleBinding": Resource(_RBAC, "v1", "clusterrolebindings", namespaced=False),
    "ValidatingAdmissionPolicy": Resource(
        _ADMISSION, "v1", "validatingadmissionpolicies", namespaced=False
    ),
    "ValidatingAdmissionPolicyBinding": Resource(
        _ADMISSION, "v1", "validatingadmissionpolicybindings", namespaced=False
    ),
    "Secret": Resource("", "v1", "secrets"),
    "ConfigMap": Resource("", "v1", "configmaps"),
    "Service": SERVICES,
    "DaemonSet": Resource("apps", "v1", "daemonsets"),
}
"""What is applied, in this order: the one needs the other."""


class PatientClient(KubeClient):
    """Waits as an overloaded server asks it to, as one does that still installs definitions."""

    async def _request(self, *asked: Any, **more: Any) -> Object:
        deadline = time.clock_gettime(time.CLOCK_BOOTTIME) + PATIENCE
        while True:
            try:
                return await super()._request(*asked, **more)
            except Overloaded as error:
                if time.clock_gettime(time.CLOCK_BOOTTIME) + error.seconds > deadline:
                    raise
                await asyncio.sleep(error.seconds)


class Admin:
    """Somebody who may make objects of :data:`KINDS`, in the name of one command.

    With ``keep`` nothing is removed.
    """

    def __init__(self, client: KubeClient, command: str, *, keep: bool = False) -> None:
        self._client = client
        self._command = command
        self._keep = keep

    async def apply(self, objects: Iterable[Object]) -> AsyncIterator[tuple[str, str]]:
        """Make or change each; yields ``(what, "made" or "changed" or "as it was")``.

        What was there before keeps what we do not speak of, and is not taken away later.
        """
        order = list(KINDS)
        for one in sorted(objects, key=lambda one: order.index(one["kind"])):
            yield name_of(one), await self._apply(one)

    async def made(self, kind: str, namespace: str, **labels: str) -> tuple[Object, ...]:
        """The objects of a kind that this command has made and that carry ``labels``."""
        wanted = {MADE_BY: self._command, **labels}
        selector = ",".join(f"{key}={value}" for key, value in wanted.items())
        resource = KINDS[kind].within(namespace)
        found = await self._client.list(resource, labelSelector=selector)
        version = resource.api_version
        return tuple(
            {"apiVersion": version, "kind": kind, **item} for item in found.get("items") or ()
        )

    async def remove(self, resource: Resource, one: Object) -> None:
        """Delete an object; one that is gone is fine."""
        if self._keep:
            return
        with suppress(Missing):
            await self._client.delete(resource, one["metadata"]["name"], None)

    async def items(self, resource: Resource) -> tuple[Object, ...]:
        """All objects of a resource; none where the resource itself is not there."""
        try:
            return tuple((await self._client.list(resource)).get("items") or ())
        except StoreError as error:
            if ": 404: " in str(error) or ": 405: " in str(error):
                return ()
            raise

    async def token(self, namespace: str, secret: str, seconds: float) -> tuple[str, str]:
        """Token and CA (PEM) of an account's Secret, once the cluster has filled it in."""
        resource = KINDS["Secret"].within(namespace)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    data = (await self._client.get(resource, secret)).get("data") or {}
                    if data.get("token") and data.get("ca.crt"):
                        return _plain(data["token"]), _plain(data["ca.crt"])
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise StoreUnavailable(
                f"Secret {namespace}/{secret}: no token in it after {seconds:g} s; "
                "does the cluster's controller manager run?"
            ) from None

    async def resources(self) -> tuple[Resource, ...]:
        """Every namespaced resource that this server can list, in one version each."""
        groups = (await self._client.read("/apis")).get("groups") or ()
        places = [("", "v1"), *((g["name"], g["preferredVersion"]["version"]) for g in groups)]
        return tuple([one for place in places for one in await self._of_group(*place)])

    async def _of_group(self, group: str, version: str) -> list[Resource]:
        root = f"/apis/{group}" if group else "/api"
        told = (await self._client.read(f"{root}/{version}")).get("resources") or ()
        return [
            Resource(group, version, one["name"], kind=one["kind"])
            for one in told
            if one["namespaced"] and "list" in one["verbs"]
        ]

    async def _apply(self, one: Object) -> str:
        resource, name = _resource(one), one["metadata"]["name"]
        labels = {**one["metadata"].get("labels", {}), MADE_BY: self._command}
        mine = {**one, "metadata": {**one["metadata"], "labels": labels}}
        try:
            await self._client.create(resource, mine)
        except Conflict:
            before = await self._client.get(resource, name)
            after = await self._client.patch(resource, name, one)
            versions = {found["metadata"]["resourceVersion"] for found in (before, after)}
            return "changed" if len(versions) > 1 else "as it was"
        return "made"


@asynccontextmanager
async def admin_at(
    options: KubernetesOptions, command: str, *, keep: bool = False
) -> AsyncIterator[Admin]:
    """An administrator while the context is open."""
    client = PatientClient(options, command, TIMEOUT)
    try:
        yield Admin(client, command, keep=keep)
    finally:
        await client.close()


def name_of(one: Object) -> str:
    """``Role submariner-operator/submariner-gateway``."""
    meta = one["metadata"]
    where = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{one['kind']} {where}{meta['name']}"


def _resource(one: Object) -> Resource:
    return KINDS[one["kind"]].within(one["metadata"].get("namespace", ""))


def _plain(coded: Any) -> str:
    return base64.b64decode(coded).decode()
