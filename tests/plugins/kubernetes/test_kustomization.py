"""The manifests as files: every reader of YAML takes them for the same."""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from submariner_kubernetes.deployment.broker_info import BrokerInfo
from submariner_kubernetes.deployment.kustomization import MANIFESTS, kustomized
from submariner_kubernetes.deployment.objects import SETTINGS_HASH, Joining, of_a_cluster

from submariner_core.config import Document, judge

DEPLOY = Path(__file__).parents[3] / "deploy"
OCTAL = re.compile(r"(?m)[\s:\[{,-]0[0-7]+\s*(?:[,}\]#]|$)")
"""400 in YAML 1.2, which we read; 256 in YAML 1.1, which kubectl reads."""


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.yaml")), ids=lambda p: p.parent.name)
def test_no_manifest_holds_a_number_that_yaml_1_1_reads_as_octal(path: Path) -> None:
    assert OCTAL.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("text", ["defaultMode: 0400}", "a: 0644", "- 0755", "[01]"])
def test_such_a_number_is_seen(text: str) -> None:
    assert OCTAL.search(text)


def test_the_psk_is_for_the_owners_eyes_only() -> None:
    (gateway,) = (
        one
        for one in kustomized(MANIFESTS / "overlays" / "wireguard")
        if one["kind"] == "DaemonSet" and one["metadata"]["name"] == "submariner-gateway"
    )
    (psk,) = (v for v in gateway["spec"]["template"]["spec"]["volumes"] if v["name"] == "psk")
    assert psk["secret"]["defaultMode"] == 0o400


@pytest.mark.parametrize(
    ("overlay", "cable"),
    [("vxlan", "vxlan"), ("wireguard", "wireguard"), ("wireguard-userspace", "wireguard")],
)
def test_the_settings_of_an_overlay_are_those_of_its_cable(overlay: str, cable: str) -> None:
    found = kustomized(MANIFESTS / "overlays" / overlay)
    (settings,) = (o for o in found if o["kind"] == "ConfigMap" and _name(o) == "submariner")
    told = YAML(typ="safe", pure=True).load(settings["data"]["node.yaml"])
    assert told["plugins"]["cable"] == [cable]
    assert judge(Document("node.yaml", told)).plugins.broker == "k8s"
    names = {_name(o) for o in found if o["kind"] == "DaemonSet"}
    assert ("submariner-wireguard" in names) is (overlay == "wireguard-userspace")


def test_other_settings_make_other_pods_and_the_same_do_not() -> None:
    broker = BrokerInfo("https://broker.example:6443", "submariner-k8s-broker", "ca", "t", "psk")

    def hashes(**extra: Any) -> set[str]:
        ranges = (IPv4Network("10.1.0.0/16"),), (IPv4Network("100.1.0.0/16"),)
        joining = Joining("east", *ranges, ("vxlan",), "image", (), extra)
        daemons = (o for o in of_a_cluster(joining, broker) if o["kind"] == "DaemonSet")
        return {o["spec"]["template"]["metadata"]["annotations"][SETTINGS_HASH] for o in daemons}

    assert len(hashes()) == 1
    assert hashes() == hashes()
    assert hashes() != hashes(nat_enabled=True)


def _name(one: dict[str, Any]) -> str:
    return str(one["metadata"]["name"])
