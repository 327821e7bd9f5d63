"""The plugin as the core finds and makes it."""

from __future__ import annotations

import base64
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from submariner_kubernetes import plugin
from submariner_kubernetes.lease import KubernetesLeaseStore
from submariner_kubernetes.transport import KubernetesTransport

from submariner_core.api.errors import PluginError, StoreError
from submariner_core.api.info import Options
from submariner_core.loading import load_from

UPSTREAM = {
    "SUBMARINER_CLUSTERID": "east",
    "SUBMARINER_NAMESPACE": "submariner-operator",
    "SUBMARINER_CLUSTERCIDR": "10.1.0.0/16",
    "SUBMARINER_SERVICECIDR": "100.1.0.0/16",
    "SUBMARINER_CABLEDRIVER": "vxlan",
    "BROKER_K8S_APISERVER": "broker.example:6443",
    "BROKER_K8S_APISERVERTOKEN": "hush-hush",
    "BROKER_K8S_CA": base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode(),
    "BROKER_K8S_REMOTENAMESPACE": "submariner-k8s-broker",
    "BROKER_K8S_INSECURE": "false",
    "BROKER_K8S_SECRET": "submariner-broker-secret",
    "NODE_NAME": "worker-1",
}
"""What upstream's operator writes into its DaemonSets, and what reaches this plugin of it."""


async def test_a_daemonset_made_for_upstream_makes_all_three_stores_and_opens_none() -> None:
    loaded = load_from(None, UPSTREAM)
    stores = (loaded.datastore(), loaded.broker(), loaded.lease_store())
    assert isinstance(stores[0], KubernetesTransport)
    assert isinstance(stores[1], KubernetesTransport)
    assert isinstance(stores[2], KubernetesLeaseStore)
    assert loaded.store_addresses() == ()
    for store in stores:
        assert store is not None
        await store.close()


async def test_outside_a_pod_the_own_api_server_must_be_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    store = load_from(None, UPSTREAM).lease_store()
    with pytest.raises(StoreError, match="url or kubeconfig"):
        await store.read()


def test_names_and_options_of_others_are_not_taken() -> None:
    options = plugin.KubernetesOptions()
    assert plugin.submariner_transport("local", options, "broker") is None
    assert plugin.submariner_lease_store("k8s", options) is None
    with pytest.raises(PluginError):
        plugin.submariner_transport("k8s", Options(), "broker")


def test_the_daemons_of_the_manifests_name_settings_that_load() -> None:
    settings = Path(__file__).parents[3] / "deploy" / "daemons" / "node.yaml"
    loaded = load_from(settings, {"NODE_NAME": "east-1"})
    assert loaded.settings.node_name == "east-1"


def test_the_wheel_holds_every_manifest_that_the_commands_apply(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root / "plugins" / "kubernetes",
        check=True,
        capture_output=True,
        timeout=60,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    manifests = {path.relative_to(root / "deploy") for path in (root / "deploy").rglob("*.yaml")}
    assert len(manifests) > 15
    assert {f"submariner_kubernetes/manifests/{path}" for path in manifests} <= names
