"""The kinds of Kubernetes objects we speak of, and where their URLs are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from submariner_core.api import schema
from submariner_core.api.transport import Kind

Object = dict[str, Any]
"""A Kubernetes object as JSON."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API: ``group`` is empty for the core's own.

    ``namespace`` is empty for the one that a client's options name, ``kind`` where nobody asks.
    """

    group: str
    version: str
    plural: str
    namespaced: bool = True
    namespace: str = ""
    kind: str = ""

    def within(self, namespace: str) -> Self:
        """The same in a namespace of its own."""
        return replace(self, namespace=namespace)

    @property
    def api_version(self) -> str:
        """What stands in an object's ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str, name: str = "") -> str:
        """The URL's path of the collection, or of one object."""
        root = f"/apis/{self.group}" if self.group else "/api"
        where = f"/namespaces/{self.namespace or namespace}" if self.namespaced else ""
        what = f"/{name}" if name else ""
        return f"{root}/{self.version}{where}/{self.plural}{what}"

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True, slots=True)
class Page(Resource):
    """What an API server tells of itself; ``plural`` is its path, such as ``/apis``."""

    def path(self, namespace: str, name: str = "") -> str:  # noqa: ARG002 - there are none
        """The path itself."""
        return self.plural


def of_kind(kind: Kind) -> Resource:
    """Where the records of a kind are."""
    return Resource(schema.GROUP, schema.VERSION, schema.plural(kind))


LEASES = Resource("coordination.k8s.io", "v1", "leases")
PODS = Resource("", "v1", "pods")
NODES = Resource("", "v1", "nodes", namespaced=False)
SERVICES = Resource("", "v1", "services")
