"""What upstream's broker syncer does with Clusters and Endpoints, one pass at a time."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from submariner_lab.errors import LabError
from submariner_lab.kube.admin import Admin

from submariner_core.api.naming import CLUSTER_ID_LABEL

Object = dict[str, Any]
KINDS = ("clusters", "endpoints")


class Syncer:
    """Between one cluster's namespace and the broker's, each as who may do that there.

    Objects without the label go to the broker and get it; those of others come from there, save
    Endpoints whose subnets overlap a local one's. A copy's labels and annotations are replaced.
    """

    def __init__(
        self, cluster_id: str, local: tuple[Admin, str], broker: tuple[Admin, str]
    ) -> None:
        self._id = cluster_id
        self._local = local
        self._broker = broker
        self._known: dict[tuple[str, str], set[str]] = {}

    def step(self) -> None:
        """Both directions; what was there at the last pass and is not any more is deleted."""
        for kind in KINDS:
            own = {n: o for n, o in self._list(self._local, kind) if not label(o)}
            self._push(kind, own)
            others = {
                name: found
                for name, found in self._list(self._broker, kind)
                if label(found) not in ("", self._id)
            }
            taken = {n: o for n, o in others.items() if not overlaps(o, own.values())}
            self._copy(self._local, kind, taken, "")
            self._forget(self._local, kind, set(taken))

    def start(self) -> None:
        """The reconciliation of a start: what has no source any more goes, here and there."""
        for kind in KINDS:
            there = dict(self._list(self._broker, kind))
            here = dict(self._list(self._local, kind))
            for name, found in here.items():
                if label(found) not in ("", self._id) and name not in there:
                    self._delete(self._local, kind, name)
            for name, found in there.items():
                if label(found) == self._id and name not in here:
                    self._delete(self._broker, kind, name)

    def _push(self, kind: str, own: dict[str, Object]) -> None:
        self._copy(self._broker, kind, own, self._id)
        self._forget(self._broker, kind, set(own))

    def _copy(
        self, where: tuple[Admin, str], kind: str, wanted: dict[str, Object], cluster_id: str
    ) -> None:
        stored = dict(self._list(where, kind))
        for name, source in wanted.items():
            meta = source["metadata"]
            labels = dict(meta.get("labels") or {})
            if cluster_id:
                labels[CLUSTER_ID_LABEL] = cluster_id
            said = {"labels": labels, "annotations": meta.get("annotations") or {}}
            there = stored.get(name)
            kept = {"name": name} if there is None else there["metadata"]
            body = {**source, "metadata": {**kept, **said}}
            if there is None:
                where[0].call("POST", path(where, kind), body)
            elif body["spec"] != there["spec"] or any(
                (there["metadata"].get(key) or {}) != value for key, value in said.items()
            ):
                where[0].call("PUT", f"{path(where, kind)}/{name}", body)

    def _forget(self, where: tuple[Admin, str], kind: str, names: set[str]) -> None:
        known = self._known.setdefault((where[1], kind), set())
        for name in known - names:
            self._delete(where, kind, name)
        known.clear()
        known |= names

    def _delete(self, where: tuple[Admin, str], kind: str, name: str) -> None:
        try:
            where[0].call("DELETE", f"{path(where, kind)}/{name}")
        except LabError as error:
            if ": 404: " not in str(error):  # it is gone
                raise

    def _list(self, where: tuple[Admin, str], kind: str) -> Iterator[tuple[str, Object]]:
        singular = {"clusters": "Cluster", "endpoints": "Endpoint"}[kind]
        for one in where[0].call("GET", path(where, kind))["items"]:
            yield (
                one["metadata"]["name"],
                {"apiVersion": "submariner.io/v1", "kind": singular, **one},
            )


def path(where: tuple[Admin, str], kind: str) -> str:
    """Where the objects of a kind are."""
    return f"/apis/submariner.io/v1/namespaces/{where[1]}/{kind}"


def label(found: Object) -> str:
    """The cluster that a copy is of; empty for an object of the store's own cluster."""
    return str((found["metadata"].get("labels") or {}).get(CLUSTER_ID_LABEL, ""))


def overlaps(found: Object, own: Any) -> bool:
    """Whether a subnet of an Endpoint overlaps one of a local Endpoint."""
    mine = [ip_network(text) for one in own for text in one["spec"].get("subnets", ())]
    theirs = [ip_network(text) for text in found["spec"].get("subnets", ())]
    return any(one.overlaps(other) for one in mine for other in theirs)
