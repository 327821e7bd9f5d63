"""What a user does with ``deploy/``: kubectl itself reads, applies, shows and deletes it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from submariner_kubernetes.deployment.kustomization import kustomized
from submariner_lab.errors import LabError
from submariner_lab.kube import assets

from tests.plugins.kubernetes.manifests import DEPLOY, OWN

pytestmark = pytest.mark.kube

OVERLAYS = sorted(path.name for path in (DEPLOY / "overlays").iterdir())
FURTHER = ("load-balancer", "libreswan-userspace")
"""Components that no overlay has: they are added to one."""
HASHED = re.compile(r"^(submariner)-[0-9a-z]{10}$")
Kubectl = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Runs kubectl, as the administrator of a control plane if one is given."""
    try:
        beside = str(assets.find().apiserver.parent)
    except LabError as error:
        pytest.skip(str(error))
    program = shutil.which("kubectl", path=f"{beside}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("no kubectl here: make kube-assets builds it")
    home = tmp_path_factory.mktemp("kubectl")

    def run(*words: str | Path, plane: Any = None) -> str:
        environ = {"PATH": os.environ["PATH"], "HOME": str(home)}
        told: list[str] = []
        if plane is not None:
            server = plane.apiserver
            told = ["--server", server.url, "--certificate-authority", str(server.ca_file)]
            told += ["--token", server.token_file.read_text().strip()]
        done = subprocess.run(
            [program, *told, *map(str, words)], capture_output=True, text=True, env=environ,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def alike(objects: Iterable[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """By kind and name, without the hash that kubectl gives the settings' name."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return HASHED.sub(r"\1", value) if isinstance(value, str) else value

    found = [plain(one) for one in objects]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def read(text: str) -> Iterable[dict[str, Any]]:
    yield from YAML(typ="safe", pure=True).load_all(text)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_join_applies_what_kubectl_makes_of_an_overlay(kubectl: Kubectl, overlay: str) -> None:
    folder = DEPLOY / "overlays" / overlay
    assert alike(kustomized(folder)) == alike(read(kubectl("kustomize", folder)))


@pytest.mark.parametrize("component", FURTHER)
def test_and_of_a_component_on_top(kubectl: Kubectl, component: str, tmp_path: Path) -> None:
    overlay = DEPLOY / "overlays" / "libreswan"
    resource, added = (
        os.path.relpath(path, tmp_path) for path in (overlay, DEPLOY / "components" / component)
    )
    words = {"resources": [resource], "components": [added]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(words))
    ours = kustomized(DEPLOY / "components" / component, kustomized(overlay))
    assert alike(ours) == alike(read(kubectl("kustomize", tmp_path)))


def test_every_overlay_is_applied_shown_and_deleted(kubectl: Kubectl, fresh_plane: Any) -> None:
    for folder in ("crds", "broker", "rbac"):
        kubectl("apply", "-k", DEPLOY / folder, plane=fresh_plane)
    kinds = ("endpoints", "clusters", "gateways", "routeagents")
    for kind in kinds:
        wait = ("--for=condition=established", "--timeout=60s")
        kubectl("wait", *wait, f"crd/{kind}.submariner.io", plane=fresh_plane)
    for overlay in OVERLAYS:
        folder = DEPLOY / "overlays" / overlay
        kubectl("apply", "-k", folder, plane=fresh_plane)
        again = kubectl("apply", "-k", folder, plane=fresh_plane).splitlines()
        assert again
        assert [line for line in again if not line.endswith(" unchanged")] == []
        shown = kubectl("get", "daemonsets", "-n", OWN, "-o", "name", plane=fresh_plane)
        assert "daemonset.apps/submariner-gateway" in shown.split()
    for kind in kinds:
        assert kubectl("get", f"{kind}.submariner.io", "-A", plane=fresh_plane) == ""
    for overlay in OVERLAYS:
        gone = ("--ignore-not-found", "--wait=false")
        kubectl("delete", "-k", DEPLOY / "overlays" / overlay, *gone, plane=fresh_plane)
    assert kubectl("get", "daemonsets", "-A", "-o", "name", plane=fresh_plane) == ""
