"""Upstream's environment variables as a source of settings.

A DaemonSet made for upstream can so swap its image. A file wins over the environment; the empty
string means "not set", as it does upstream.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from submariner_core.api.errors import ConfigError
from submariner_core.api.flags import read_flag
from submariner_core.config.document import Document, Loc, Place
from submariner_core.config.variables import VARIABLES, Variable

_CHOOSERS = {
    "cable": "SUBMARINER_CABLEDRIVER",
    "broker": "BROKER_K8S_APISERVER",
    "route": "SUBMARINER_NETWORKPLUGIN",
}
"""Which variable chooses the plugin for a part; the others are those of Kubernetes."""


class Task(enum.Enum):
    """What upstream's environment asks of a process."""

    RUN = enum.auto()
    UNINSTALL = enum.auto()
    """Remove every trace from this node, then exit 0."""
    WAIT_FOR_NODE = enum.auto()
    """Wait until this node is ready, then exit 0 (an init container)."""


def requested_task(environ: Mapping[str, str]) -> Task:
    """The task this process was started for. Raises :class:`ConfigError` on an odd value."""
    for name, task in (
        ("SUBMARINER_UNINSTALL", Task.UNINSTALL),
        ("SUBMARINER_WAITFORNODE", Task.WAIT_FOR_NODE),
    ):
        if _read(environ, Variable(name, (), read_flag)):
            return task
    return Task.RUN


def read_environment(environ: Mapping[str, str], plugins: object) -> Document:
    """The settings the environment gives.

    ``plugins`` are the names a file gives; ``None``: the environment chooses them, if it is one
    made for upstream, which always names the cluster.
    """
    data: dict[str, Any] = {}
    places: dict[Loc, Place] = {}
    if plugins is None and environ.get("SUBMARINER_CLUSTERID"):
        plugins = data["plugins"] = _plugins(environ)
        for key, name in _CHOOSERS.items():
            places["plugins", key] = Place(name, name)
    for variable in VARIABLES:
        if variable.plugin and not _plays(variable.loc, variable.plugin, plugins):
            continue
        value = _read(environ, variable)
        if value is None:
            continue
        inner: dict[str, Any] = data
        for step in variable.loc[:-1]:
            inner = inner.setdefault(step, {})
        inner[variable.loc[-1]] = value
        places[variable.loc] = Place(variable.name, variable.name)
    return Document("environment", data, places)


def _plugins(environ: Mapping[str, str]) -> dict[str, Any]:
    network = environ.get("SUBMARINER_NETWORKPLUGIN") or "generic"
    if network.lower() == "ovnkubernetes":
        raise ConfigError(
            "SUBMARINER_NETWORKPLUGIN: there is no route driver for OVNKubernetes; "
            "a CNI that uses kube-proxy is needed"
        )
    names: dict[str, Any] = {
        "cable": [(environ.get("SUBMARINER_CABLEDRIVER") or "libreswan").lower()],
        "election": "k8s-lease",
        "datastore": "k8s",
        "route": "kubeproxy",
    }
    if environ.get("BROKER_K8S_APISERVER"):
        names["broker"] = "k8s"
    return names


def _plays(loc: tuple[str, ...], plugin: str, plugins: object) -> bool:
    """Whether ``plugin`` plays the part whose options ``loc`` is in. Judges nothing."""
    if not isinstance(plugins, Mapping):
        return False
    key = loc[1]
    if key in plugins:
        return bool(plugins[key] == plugin)
    cables = plugins.get("cable")
    return isinstance(cables, list) and key == plugin and plugin in cables


def _read(environ: Mapping[str, str], variable: Variable) -> Any:
    text = environ.get(variable.name, "").strip()
    if not text:
        return None
    try:
        return variable.read(text)
    except ValueError as error:
        raise ConfigError(f"{variable.name}: {error}") from None
