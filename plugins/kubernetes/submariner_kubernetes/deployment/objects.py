"""What is applied where: the manifests, with a cluster's settings and secrets filled in."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from ruamel.yaml import YAML

from submariner_core.api.naming import CLUSTER_ID_LABEL
from submariner_kubernetes.deployment.broker_info import BrokerInfo
from submariner_kubernetes.deployment.kustomization import MANIFESTS, documents, kustomized
from submariner_kubernetes.resource import Object

OWN, BROKER = "submariner-operator", "submariner-k8s-broker"
ADMIN_SECRET = "submariner-k8s-broker-admin-token"  # noqa: S105 - a name
BROKER_SECRET = "submariner-broker-secret"  # noqa: S105 - a name
PSK_SECRET = "submariner-ipsec-psk"  # noqa: S105 - a name
SETTINGS = "submariner"
CHARON = "/var/run/submariner-charon/charon.vici"
"""Where the charon of the component ``libreswan`` listens."""
LOAD_BALANCER = "load-balancer"
"""The component with the Service by which gateways are reached, and by which they know it."""
GATEWAY_SERVICE = "submariner-gateway"
SETTINGS_HASH = "submariner.io/settings-hash"
"""On the pods: other settings make other pods, one gateway after the other."""
_MOUNTED = "/run/secrets/submariner.io"


@dataclass(frozen=True, slots=True)
class Joining:
    """A cluster that joins: its id and ranges, its cables in order, its daemons' image.

    ``components`` are wanted beside those of the cables; ``extra`` is settings that win over
    those made here, key by key.
    """

    cluster_id: str
    cluster_cidr: tuple[IPv4Network, ...]
    service_cidr: tuple[IPv4Network, ...]
    cables: tuple[str, ...]
    image: str
    components: tuple[str, ...]
    extra: Mapping[str, Any]


def components() -> tuple[str, ...]:
    """The names of what can be added to the daemons."""
    return tuple(sorted(folder.name for folder in (MANIFESTS / "components").iterdir()))


def of_a_broker() -> list[Object]:
    """Everything of a broker."""
    return kustomized(MANIFESTS / "broker")


def of_an_account(cluster_id: str) -> list[Object]:
    """A cluster's account at the broker; all of it carries the cluster's label."""
    objects = list(
        documents(MANIFESTS / "broker" / "cluster" / "account.yaml", CLUSTER=cluster_id)
    )
    for one in objects:
        one["metadata"]["labels"] = {CLUSTER_ID_LABEL: cluster_id}
    return objects


def account_secret(cluster_id: str) -> str:
    """The name of the Secret with the token of a cluster's account."""
    return f"cluster-{cluster_id}-token"


def of_a_cluster(joining: Joining, broker: BrokerInfo) -> list[Object]:
    """Definitions, accounts, settings and daemons; with the PSK, not with the broker's token."""
    objects = [o for folder in ("crds", "rbac", "daemons") for o in kustomized(MANIFESTS / folder)]
    known = components()
    for name in (*(cable for cable in joining.cables if cable in known), *joining.components):
        kustomized(MANIFESTS / "components" / name, objects)
    text = _yaml(settings(joining, broker))
    for one in objects:
        if one["kind"] == "ConfigMap" and one["metadata"]["name"] == SETTINGS:
            one["data"] = {"node.yaml": text}
        if one["kind"] == "DaemonSet":
            pod = one["spec"]["template"]
            for container in pod["spec"]["containers"]:
                container["image"] = joining.image
            if any(v.get("configMap") == {"name": SETTINGS} for v in pod["spec"]["volumes"]):
                digest = hashlib.sha256(text.encode()).hexdigest()
                pod["metadata"].setdefault("annotations", {})[SETTINGS_HASH] = digest
    return [*objects, secret(PSK_SECRET, psk=broker.psk)]


def settings(joining: Joining, broker: BrokerInfo) -> dict[str, Any]:
    """The settings file of all nodes of a cluster."""
    options: dict[str, Any] = {
        "broker": {
            "url": broker.url,
            "namespace": broker.namespace,
            "credentials": f"{_MOUNTED}/broker",
        }
    }
    if "wireguard" in joining.cables:
        options["wireguard"] = {"psk_file": f"{_MOUNTED}/psk/psk"}
    if "libreswan" in joining.cables:
        options["libreswan"] = {
            "psk_file": f"{_MOUNTED}/{PSK_SECRET}/psk",
            "manage_daemon": False,
            "vici_socket": CHARON,
        }
    made: dict[str, Any] = {
        "cluster_id": joining.cluster_id,
        "cluster_cidr": [str(network) for network in joining.cluster_cidr],
        "service_cidr": [str(network) for network in joining.service_cidr],
        "plugins": {
            "cable": list(joining.cables),
            "election": "k8s-lease",
            "datastore": "k8s",
            "broker": "k8s",
            "route": "kubeproxy",
        },
        "options": {**options, **(joining.extra.get("options") or {})},
        "log": {"format": "json"},
    }
    if LOAD_BALANCER in joining.components:
        made["public_ip"] = f"lb:{GATEWAY_SERVICE}"
    return {**made, **{k: v for k, v in joining.extra.items() if k != "options"}}


def secret(name: str, **texts: str) -> Object:
    """A Secret in the daemons' namespace."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": OWN},
        "type": "Opaque",
        "stringData": texts,
    }


def broker_secret(token: str, authority: str) -> Object:
    """The Secret by which gateways reach the broker, as upstream has it."""
    return secret(BROKER_SECRET, token=token, namespace=BROKER, **{"ca.crt": authority})


def as_yaml(objects: Iterable[Object]) -> str:
    """One document for each object."""
    return "".join(f"---\n{_yaml(one)}" for one in objects)


def _yaml(value: object) -> str:
    page = io.StringIO()
    yaml = YAML(typ="rt", pure=True)
    yaml.representer.ignore_aliases = lambda *_: True
    yaml.width = 99
    yaml.dump(value, page)
    return page.getvalue()
