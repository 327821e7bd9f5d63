"""The manifests of ``deploy/``, as they stand in their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DEPLOY = Path(__file__).parents[3] / "deploy"
OWN, BROKER = "submariner-operator", "submariner-k8s-broker"


def documents(folder: str, **named: str) -> Iterator[dict[str, Any]]:
    """What a kustomization applies, in its order."""
    base = DEPLOY / folder
    for name in YAML(typ="safe").load(base / "kustomization.yaml")["resources"]:
        if (base / name).suffix == ".yaml":
            yield from read(base / name)


def read(path: Path, **named: str) -> Iterator[dict[str, Any]]:
    text = path.read_text("utf-8")
    for old, new in named.items():
        text = text.replace(old, new)
    yield from YAML(typ="safe").load_all(text)
