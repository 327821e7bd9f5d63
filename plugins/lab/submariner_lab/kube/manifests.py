"""What a deployed cluster has: accounts and what they may, nodes, pods and a service."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from submariner_lab.blueprint import ClusterSite, NodeSite
from submariner_lab.errors import LabError

Object = dict[str, Any]

OWN, BROKER = "submariner-operator", "submariner-k8s-broker"
GATEWAY, ROUTE_AGENT = "submariner-gateway", "submariner-routeagent"
CHANGE = "application/merge-patch+json"
_RBAC, _ADMISSION = "rbac.authorization.k8s.io/v1", "admissionregistration.k8s.io/v1"
_PLURALS = {
    "Namespace": ("/api/v1", "namespaces"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Node": ("/api/v1", "nodes"),
    "Pod": ("/api/v1", "pods"),
    "Service": ("/api/v1", "services"),
    "Role": (f"/apis/{_RBAC}", "roles"),
    "RoleBinding": (f"/apis/{_RBAC}", "rolebindings"),
    "ClusterRole": (f"/apis/{_RBAC}", "clusterroles"),
    "ClusterRoleBinding": (f"/apis/{_RBAC}", "clusterrolebindings"),
    "ValidatingAdmissionPolicy": (f"/apis/{_ADMISSION}", "validatingadmissionpolicies"),
    "ValidatingAdmissionPolicyBinding": (
        f"/apis/{_ADMISSION}",
        "validatingadmissionpolicybindings",
    ),
}


def path_of(one: Object) -> str:
    """Where an object is made."""
    root, plural = _PLURALS[one["kind"]]
    where = one["metadata"].get("namespace")
    return f"{root}/namespaces/{where}/{plural}" if where else f"{root}/{plural}"


def of_a_cluster(site: ClusterSite) -> list[Object]:
    """The daemons' accounts as they are deployed, and the cluster's own objects."""
    found = [*_documents("rbac/namespace.yaml", "rbac/gateway.yaml", "rbac/route-agent.yaml")]
    for node in site.nodes:
        labels = {"submariner.io/gateway": "true"} if node.candidate else {}
        made = _object("Node", node.name, labels=labels)
        made["status"] = {"addresses": [{"type": "InternalIP", "address": str(node.address)}]}
        found.append(made)
        found.append(_pod(f"echo-{node.name}", node, "default", "echo"))
        if node.candidate:
            found.append(_pod(gateway_pod(node), node, OWN, "submariner-gateway"))
    service = _object("Service", "echo", "default")
    ports = [{"port": 80, "protocol": "TCP"}]
    service["spec"] = {"clusterIP": str(site.cluster_ip), "ports": ports}
    return [*found, service]


def of_a_broker(cluster_ids: tuple[str, ...]) -> list[Object]:
    """The broker's accounts and policy, and an account for each cluster."""
    found = [*_documents("broker/broker.yaml", "broker/policy.yaml")]
    for cluster_id in cluster_ids:
        found += _documents("broker/cluster/account.yaml", CLUSTER=cluster_id)
    return [one for one in found if one["kind"] != "Secret"]  # nobody here would fill it in


def gateway_pod(node: NodeSite) -> str:
    """The name of the pod that a node's gateway runs in."""
    return f"submariner-gateway-{node.name}"


def account_of(cluster_id: str) -> str:
    """A cluster's account at the broker."""
    return f"cluster-{cluster_id}"


def _documents(*names: str, **words: str) -> Iterator[Object]:
    spec = importlib.util.find_spec("submariner_kubernetes")
    if spec is None or spec.origin is None:
        raise LabError("--store k8s needs the plugin: pip install submariner-kubernetes")
    for name in names:
        text = Path(spec.origin).with_name("manifests").joinpath(name).read_text("utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        yield from YAML(typ="safe", pure=True).load_all(text)


def _object(kind: str, name: str, namespace: str = "", **meta: Any) -> Object:
    where = {"namespace": namespace} if namespace else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **where, **meta}}


def _pod(name: str, node: NodeSite, namespace: str, app: str) -> Object:
    pod = _object("Pod", name, namespace, labels={"app": app})
    pod["spec"] = {"nodeName": node.name, "containers": [{"name": app, "image": "lab"}]}
    return pod
