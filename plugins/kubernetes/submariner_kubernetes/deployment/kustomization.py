"""Kustomizations, as far as ours go: what ``kubectl kustomize`` prints, without kubectl.

Known are ``resources``, ``components``, ``namespace``, ``configMapGenerator`` with ``files``,
perhaps in another's place, and ``patches`` of JSON 6902 operations at one kind and name. Unlike
kubectl's, names get no hash: pods of other settings are told apart by an annotation.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from submariner_kubernetes.resource import Object

MANIFESTS = Path(__file__).parents[1] / "manifests"
"""The folder ``deploy/``, which travels in the wheel."""
_KNOWN = {
    *("apiVersion", "kind", "namespace"),
    *("resources", "components", "configMapGenerator", "patches"),
}


def documents(path: Path, **words: str) -> Iterator[Object]:
    """The objects of one file, after every one of ``words`` was replaced in its text."""
    text = path.read_text("utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    yield from YAML(typ="safe", pure=True).load_all(text)


def kustomized(folder: Path, objects: list[Object] | None = None) -> list[Object]:
    """The objects of a kustomization, in its order; of a component, on top of ``objects``."""
    objects = [] if objects is None else objects
    (asked,) = documents(folder / "kustomization.yaml")
    if unknown := asked.keys() - _KNOWN:
        raise ValueError(f"{folder}: what is {', '.join(sorted(unknown))}?")
    for name in asked.get("resources", ()):
        place = folder / name
        objects += kustomized(place) if place.is_dir() else documents(place)
    for one in asked.get("configMapGenerator", ()):
        _generate(objects, _config_map(folder, one), one)
    for one in objects if "namespace" in asked else ():
        one["metadata"]["namespace"] = asked["namespace"]
    for patch in asked.get("patches", ()):
        _patch(objects, patch)
    for name in asked.get("components", ()):
        kustomized(folder / name, objects)
    return objects


def _config_map(folder: Path, asked: Mapping[str, Any]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": asked["name"]},
        "data": {name: (folder / name).read_text("utf-8") for name in asked["files"]},
    }


def _generate(objects: list[Object], made: Object, asked: Mapping[str, Any]) -> None:
    if asked.get("behavior") != "replace":
        objects.append(made)
        return
    for one in objects:
        if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", made["metadata"]["name"]):
            one["data"] = made["data"]
            return
    raise ValueError(f"there is no ConfigMap {made['metadata']['name']} to replace")


def _patch(objects: list[Object], asked: Mapping[str, Any]) -> None:
    kind, name = asked["target"]["kind"], asked["target"]["name"]
    for one in objects:
        if (one["kind"], one["metadata"]["name"]) == (kind, name):
            for operation in YAML(typ="safe", pure=True).load(asked["patch"]):
                _operate(one, operation)
            return
    raise ValueError(f"there is no {kind} {name} to patch")


def _operate(target: Any, operation: Mapping[str, Any]) -> None:
    """``add`` and ``replace`` of RFC 6902."""
    *way, last = (part.replace("~1", "/") for part in operation["path"].split("/")[1:])
    for part in way:
        target = target[int(part) if isinstance(target, list) else part]
    value = copy.deepcopy(operation["value"])
    if isinstance(target, dict):
        target[last] = value
    elif operation["op"] == "replace":
        target[int(last)] = value
    else:
        target.insert(len(target) if last == "-" else int(last), value)
