"""What a cluster that leaves takes with it: what ``join`` made, and nothing that others need."""

from __future__ import annotations

from collections.abc import AsyncIterator

from submariner_core.api import schema
from submariner_core.api.naming import CLUSTER_ID_LABEL
from submariner_core.api.transport import Kind
from submariner_kubernetes.deployment.admin import KINDS, MADE_BY, Admin
from submariner_kubernetes.deployment.objects import OWN
from submariner_kubernetes.lease_object import NAME
from submariner_kubernetes.resource import Object, Resource, of_kind

_ACCOUNT = ("RoleBinding", "Secret", "ServiceAccount")
_EVERYWHERE = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default"), ("Lease", NAME)}
"""Kubernetes puts the first two into every namespace, a gateway the third."""
_REMOVED = [kind for kind in KINDS if kind not in {"Namespace", "CustomResourceDefinition"}]
_PASSING = {"events", "endpoints", "endpointslices"}


async def leave_broker(
    admin: Admin, namespace: str, cluster_id: str
) -> AsyncIterator[tuple[Object, str]]:
    """Take away a cluster's account, then its records, which nobody can write again by then."""
    for kind in _ACCOUNT:
        for one in await admin.made(kind, namespace, **{CLUSTER_ID_LABEL: cluster_id}):
            await admin.remove(KINDS[kind].within(namespace), one)
            yield one, ""
    for kind in (Kind.ENDPOINT, Kind.CLUSTER):
        resource = of_kind(kind).within(namespace)
        for one in await admin.items(resource):
            if (one["metadata"].get("labels") or {}).get(CLUSTER_ID_LABEL) == cluster_id:
                await admin.remove(resource, one)
                yield one, ""


async def leave_cluster(admin: Admin) -> AsyncIterator[tuple[Object, str]]:
    """Take away what ``join`` made, the daemons first; yields what, and why it stays if it does.

    The namespace stays while there is anything of others in it, a definition while it has objects
    in another namespace.
    """
    for kind in (*reversed(_REMOVED), "Namespace", "CustomResourceDefinition"):
        resource = KINDS[kind].within(OWN)
        for one in await admin.made(kind, OWN):
            why = ""
            if kind == "Namespace":
                why = ", ".join(await _others(admin))
            elif kind == "CustomResourceDefinition" and (count := await _elsewhere(admin, one)):
                why = f"{count} of them in other namespaces"
            if not why:
                await admin.remove(resource, one)
            yield one, why


async def _others(admin: Admin) -> list[str]:
    """The objects in the daemons' namespace that neither we nor Kubernetes put there."""
    found = []
    for resource in await admin.resources():
        if resource.group == schema.GROUP or resource.plural in _PASSING:
            continue
        for one in await admin.items(resource.within(OWN)):
            meta = one["metadata"]
            mine = meta.get("ownerReferences") or (meta.get("labels") or {}).get(MADE_BY)
            kind = one.get("kind") or resource.kind
            if not mine and (kind, meta["name"]) not in _EVERYWHERE:
                found.append(f"{kind} {meta['name']}")
    return found


async def _elsewhere(admin: Admin, definition: Object) -> int:
    spec = definition["spec"]
    version = spec["versions"][0]["name"]
    resource = Resource(spec["group"], version, spec["names"]["plural"], namespaced=False)
    found = await admin.items(resource)
    return sum(one["metadata"]["namespace"] != OWN for one in found)
