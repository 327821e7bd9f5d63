"""A broker that is deployed, and clusters that join and leave it, at real API servers."""

from __future__ import annotations

import asyncio
import base64
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML
from submariner_kubernetes.deployment.admin import KINDS, MADE_BY
from submariner_kubernetes.deployment.broker_info import BrokerInfo, BrokerInfoError
from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.transport import KubernetesTransport
from submariner_lab.errors import LabError

from submariner_core.api.errors import StoreError
from submariner_core.api.naming import CLUSTER_ID_LABEL
from submariner_core.api.transport import Record

pytestmark = pytest.mark.kube

OWN, BROKER = "submariner-operator", "submariner-k8s-broker"
EAST = ("--cluster-id", "east", "--cluster-cidr", "10.1.0.0/16", "--service-cidr", "100.1.0.0/16")
Submariner = Callable[..., str]
Names = dict[str, set[str]]


def there(plane: Any) -> Names:
    """The names of all objects of the kinds that are applied, those that end left out."""
    found: Names = {}
    for kind, resource in KINDS.items():
        path = f"{resource.path('').replace('/namespaces//', '/')}"
        items = plane.admin.call("GET", path)["items"]
        found[kind] = {
            f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}"
            for one in items
            if "deletionTimestamp" not in one["metadata"]
            and one["metadata"]["name"] not in {"kube-root-ca.crt", "default"}
        }
    return found


def made(plane: Any, command: str) -> int:
    """How many objects a command has made."""
    selector = f"labelSelector={MADE_BY}={command}"
    count = 0
    for resource in KINDS.values():
        path = resource.path("").replace("/namespaces//", "/")
        count += len(plane.admin.call("GET", f"{path}?{selector}")["items"])
    return count


def test_a_broker_that_is_deployed_again_is_as_it_was_and_keeps_its_psk(
    control_plane: Any, submariner: Submariner, broker_info: Path
) -> None:
    first = BrokerInfo.read(broker_info)
    url = control_plane.apiserver.url
    told = submariner(control_plane, "deploy-broker", "--url", url, "--broker-info", broker_info)
    assert "made" not in told
    assert "changed" not in told
    assert BrokerInfo.read(broker_info).psk == first.psk
    assert stat.S_IMODE(broker_info.stat().st_mode) == 0o600
    assert first.psk not in repr(first)
    assert first.token not in repr(first)


@pytest.fixture
def joined(
    fresh_plane: Any, control_plane: Any, submariner: Submariner, broker_info: Path
) -> tuple[Names, Names]:
    """East joined; what was at its API server and at the broker's before."""
    before = there(fresh_plane), there(control_plane)
    submariner(fresh_plane, "join", broker_info, *EAST, "--image", "registry.example/us:1")
    return before


async def test_what_join_made_works_and_leave_takes_all_of_it_and_nothing_else(
    joined: tuple[Names, Names],
    fresh_plane: Any,
    control_plane: Any,
    submariner: Submariner,
    broker_info: Path,
    transport_to: Callable[..., KubernetesTransport],
    cluster: Callable[..., Record],
) -> None:
    admin = fresh_plane.admin

    def call(*arguments: Any) -> Any:
        return asyncio.to_thread(admin.call, *arguments)

    daemons = await call("GET", f"/apis/apps/v1/namespaces/{OWN}/daemonsets")
    images = {
        container["image"]
        for one in daemons["items"]
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"registry.example/us:1"}
    settings = await call("GET", f"/api/v1/namespaces/{OWN}/configmaps/submariner")
    told = YAML(typ="safe").load(settings["data"]["node.yaml"])
    assert (told["cluster_id"], told["plugins"]["cable"]) == ("east", ["wireguard"])

    secret = await call("GET", f"/api/v1/namespaces/{OWN}/secrets/submariner-broker-secret")
    data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    at_broker = transport_to(
        KubernetesOptions(
            url=told["options"]["broker"]["url"],
            namespace=data["namespace"],
            token=SecretStr(data["token"]),
            ca=data["ca.crt"],
        )
    )
    own = cluster("east")
    own = Record(own.ref, own.body, labels={CLUSTER_ID_LABEL: "east"})
    await at_broker.put(own, None)

    # of others: a note in our namespace, a record of another cluster at the broker
    note = f"/api/v1/namespaces/{OWN}/configmaps"
    await call("POST", note, {"metadata": {"name": "note"}})
    other = cluster("somebody")
    other = Record(other.ref, other.body, labels={CLUSTER_ID_LABEL: "somebody"})
    place = {"url": control_plane.apiserver.url, "ca_file": control_plane.apiserver.ca_file}
    file = control_plane.apiserver.token_file
    as_admin = transport_to(KubernetesOptions(**place, token_file=file, namespace=BROKER))
    await as_admin.put(other, None)

    arguments = ("--broker-info", broker_info, "--cluster-id", "east")
    told_dry = await asyncio.to_thread(submariner, fresh_plane, "leave", *arguments, "--dry-run")
    assert "DaemonSet submariner-operator/submariner-gateway" in told_dry
    assert made(fresh_plane, "join") > 10
    told_leave = await asyncio.to_thread(submariner, fresh_plane, "leave", *arguments)
    assert f"Namespace {OWN} stays: ConfigMap note" in told_leave

    before, before_broker = joined
    after = there(fresh_plane)
    assert after.pop("Namespace") == before.pop("Namespace") | {f"/{OWN}"}
    assert after.pop("ConfigMap") == before.pop("ConfigMap") | {f"{OWN}/note"}
    assert after == before
    assert there(control_plane) == before_broker
    with pytest.raises(StoreError, match=r"refused|forbidden"):
        await at_broker.put(cluster("east"), None)
    left = control_plane.admin.call("GET", f"/apis/submariner.io/v1/namespaces/{BROKER}/clusters")
    assert "east" not in {one["metadata"]["name"] for one in left["items"]}
    assert "somebody" in {one["metadata"]["name"] for one in left["items"]}
    await as_admin.delete(other.ref, None)

    await call("DELETE", f"{note}/note")
    await asyncio.to_thread(submariner, fresh_plane, "leave")
    ending = await call("GET", f"/api/v1/namespaces/{OWN}")
    assert "deletionTimestamp" in ending["metadata"]


def test_a_dry_run_asks_nobody_shows_no_secret_and_is_what_the_server_would_take(
    fresh_plane: Any, submariner: Submariner, broker_info: Path
) -> None:
    before = there(fresh_plane)
    told = submariner(fresh_plane, "join", broker_info, *EAST, "--dry-run", "-o", "yaml")
    found = list(YAML(typ="safe").load_all(told))
    info = BrokerInfo.read(broker_info)
    assert info.psk not in told
    assert info.token not in told
    assert {one["kind"] for one in found} >= {"DaemonSet", "Secret", "CustomResourceDefinition"}
    assert there(fresh_plane) == before
    (gateway,) = (
        one
        for one in found
        if one["metadata"]["name"] == "submariner-gateway" and one["kind"] == "DaemonSet"
    )
    gateway["metadata"]["namespace"] = "default"
    path = "/apis/apps/v1/namespaces/default/daemonsets"
    fresh_plane.admin.call("POST", f"{path}?fieldValidation=Strict&dryRun=All", gateway)


def test_a_component_is_added_to_what_a_cluster_gets(
    fresh_plane: Any, submariner: Submariner, broker_info: Path
) -> None:
    more = ("--component", "wireguard-userspace", "--image", "registry.example/us:1")
    told = submariner(fresh_plane, "join", broker_info, *EAST, *more, "--dry-run", "-o", "yaml")
    daemons = [one for one in YAML(typ="safe").load_all(told) if one["kind"] == "DaemonSet"]
    pods = {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in daemons}
    assert "submariner-wireguard" in pods
    assert {pod["containers"][0]["image"] for pod in pods.values()} == {"registry.example/us:1"}
    volumes = {volume["name"] for volume in pods["submariner-gateway"]["volumes"]}
    assert {"psk", "wireguard"} <= volumes


def test_gateways_behind_a_load_balancer_are_told_to_look_for_its_address(
    fresh_plane: Any, submariner: Submariner, broker_info: Path
) -> None:
    more = ("--component", "load-balancer", "--dry-run", "-o", "yaml")
    told = submariner(fresh_plane, "join", broker_info, *EAST, *more)
    found = list(YAML(typ="safe").load_all(told))
    (service,) = (one for one in found if one["kind"] == "Service")
    (configured,) = (
        YAML(typ="safe").load(one["data"]["node.yaml"])
        for one in found
        if one["kind"] == "ConfigMap" and one["metadata"]["name"] == "submariner"
    )
    assert configured["public_ip"] == f"lb:{service['metadata']['name']}"


def test_what_cannot_be_joined_is_named(
    fresh_plane: Any, submariner: Submariner, broker_info: Path, tmp_path: Path
) -> None:
    def fails(*arguments: Any) -> str:
        return submariner(fresh_plane, "join", *arguments, fails=True)

    (tmp_path / "not.yaml").write_text("a: 1\n")
    with pytest.raises(BrokerInfoError, match="make it again"):
        BrokerInfo.read(tmp_path / "not.yaml")
    assert "make it again" in fails(tmp_path / "not.yaml", *EAST)
    assert "lower-case" in fails(broker_info, *EAST, "--cluster-id", "Öst")
    assert "10.1.0.1/16" in fails(broker_info, *EAST, "--cluster-cidr", "10.1.0.1/16")


def test_a_cluster_without_the_token_controller_is_told_why_it_waits(
    fresh_plane: Any, submariner: Submariner, tmp_path: Path
) -> None:
    told = submariner(
        fresh_plane, "deploy-broker", "--url", "https://broker.example:6443", "--wait", "0.5",
        "--broker-info", tmp_path / "broker-info.yaml", fails=True,
    )  # fmt: skip
    assert "controller manager" in told
    assert not (tmp_path / "broker-info.yaml").exists()
    with pytest.raises(LabError, match="404"):
        fresh_plane.admin.call("GET", f"/api/v1/namespaces/{BROKER}/secrets/nobody")
