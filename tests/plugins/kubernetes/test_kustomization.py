"""The manifests as files: every reader of YAML takes them for the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from submariner_kubernetes.deployment.kustomization import MANIFESTS, kustomized

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
