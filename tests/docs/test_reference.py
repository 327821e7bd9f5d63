"""Hooks, settings, options and metrics are documented as they are."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import submariner_kubernetes.plugin
import submariner_libreswan.plugin
import submariner_wireguard.plugin
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from submariner_libreswan.daemon import Figures as IpsecFigures
from submariner_libreswan.metrics import IpsecCollector
from submariner_wireguard.figures import Figures as WireGuardFigures
from submariner_wireguard.figures import PeerFigures
from submariner_wireguard.metrics import WireGuardCollector

from submariner_core.api import hooks, naming
from submariner_core.api.cable import CableDriver, CableState
from submariner_core.api.info import Capability
from submariner_core.api.lease import LeaseStore
from submariner_core.api.model import Connection, ConnectionStatus, LatencyRTT, RemoteStatus
from submariner_core.api.route import RouteDriver
from submariner_core.api.transport import Transport
from submariner_core.config.settings import Settings
from submariner_core.config.variables import VARIABLES
from submariner_core.engine import metrics as gateway
from submariner_core.loading import load_from
from submariner_core.loading.registry import HOOKS
from submariner_core.reconcile.routing import TABLES
from submariner_core.routeagent import metrics as routeagent
from tests.docs.pages import blocks, codes, rows, text
from tests.reconcile.objects import endpoint

CONTRACTS = (CableDriver, LeaseStore, Transport, RouteDriver)


def test_every_hook_is_documented_with_its_arguments() -> None:
    documented = {codes(row[0])[0] for row in rows(text("docs/hooks.md")) if "(" in row[0]}
    specified = set()
    for name in HOOKS:
        arguments = inspect.signature(getattr(hooks, name)).parameters
        specified.add(f"{name}({', '.join(arguments)})")
    assert documented == specified


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_every_contract_is_documented_with_its_methods(contract: type) -> None:
    (row,) = [r for r in rows(text("docs/hooks.md")) if codes(r[0]) == [contract.__name__]]
    own = [name for name in vars(contract) if not name.startswith("_")]
    optional = set(own) - getattr(contract, "__abstractmethods__", frozenset())
    cells = [cell.strip() for cell in row[2].split(",")]
    assert sorted(cells) == sorted(f"`{name}`{'*' if name in optional else ''}" for name in own)


def test_every_capability_is_documented() -> None:
    page = text("docs/hooks.md").partition("## Capabilities")[2]
    assert [codes(row[0])[0] for row in rows(page)] == [str(flag.name) for flag in Capability]


def test_every_annotation_is_documented() -> None:
    page = text("docs/architecture.md")
    names = {getattr(naming, name) for name in vars(naming) if name.endswith("_ANNOTATION")}
    documented = {code for row in rows(page) for code in codes(row[0])}
    assert names - {naming.UPDATE_TIMESTAMP_ANNOTATION} <= documented


def test_every_table_of_the_gateway_is_documented() -> None:
    page = text("docs/architecture.md")
    assert [f"| table {number}: " in page for number in TABLES] == [True] * len(TABLES)


def test_every_setting_is_documented_with_its_default() -> None:
    page = text("docs/configuration.md").partition("## Settings")[2].partition("## Options")[0]
    documented = {codes(row[0])[0]: "".join(codes(row[1])) or row[1] for row in rows(page)}
    assert documented == dict(_settings(Settings))


@pytest.mark.parametrize("plugin", ["local", "vxlan", "kubeproxy"])
def test_every_option_of_a_plugin_is_documented(plugin: str, tmp_path: Path) -> None:
    path = tmp_path / "node.yaml"
    path.write_text(blocks(text("README.md"), "yaml")[0])
    infos = load_from(path, {}).hooks.plugin_info()
    (model,) = [info.options[plugin] for info in infos if plugin in info.options]
    assert _documented_options(plugin) == dict(_settings(model))


@pytest.mark.parametrize("name", ["k8s", "k8s-lease"])
def test_every_option_of_the_kubernetes_plugin_is_documented(name: str) -> None:
    model = submariner_kubernetes.plugin.submariner_plugin_info().options[name]
    assert _documented_options("k8s") == dict(_settings(model))


def test_every_option_of_the_wireguard_plugin_is_documented() -> None:
    model = submariner_wireguard.plugin.submariner_plugin_info().options["wireguard"]
    assert _documented_options("wireguard") == dict(_settings(model))


def test_every_option_of_the_libreswan_plugin_is_documented() -> None:
    model = submariner_libreswan.plugin.submariner_plugin_info().options["libreswan"]
    assert _documented_options("libreswan") == dict(_settings(model))


def _documented_options(plugin: str) -> dict[str, str]:
    page = text("docs/configuration.md").partition(f"\n`{plugin}`")[2].partition("\n\n`")[0]
    return {codes(row[0])[0]: "".join(codes(row[1])) or row[1] for row in rows(page)}


def test_every_variable_with_a_use_is_documented() -> None:
    page = text("docs/configuration.md").partition("## Upstream's environment")[2]
    present = {"", "libreswan", "vxlan", "wireguard", "k8s", "k8s-lease"}
    for variable in VARIABLES:
        if variable.plugin in present:
            assert f"`{variable.name}`" in page


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    page = text("docs/metrics.md")
    common = ", ".join(f"`{label}`" for label in gateway._CONNECTION_LABELS)
    assert common in " ".join(page.split())
    documented = {
        codes(row[0])[0]: (row[1], row[2]) for row in rows(page) if row[1] in {"gauge", "counter"}
    }
    assert documented == {
        **_served(_gateway()),
        **_served(_wireguard()),
        **_served(_libreswan()),
        **_served(_route_agent()),
    }


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        inner: Any = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _settings(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, _default(name, field)


def _default(name: str, field: Any) -> str:
    if name == "node_name":
        return "the host's name"
    if field.default_factory is not None:
        return "none"
    if field.default is PydanticUndefined:
        return "required"
    if field.default in (None, (), ""):
        return "none"
    value = " ".join(field.default) if isinstance(field.default, tuple) else field.default
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _gateway() -> gateway.GatewayCollector:
    remote = endpoint("west", 2)
    latency = LatencyRTT(last=1)
    figures = gateway.Figures(
        local=endpoint("east", 1),
        connections=(Connection(ConnectionStatus.CONNECTED, "", remote, latency=latency),),
        cables={
            remote.cable_name: CableState(
                remote.cable_name, ConnectionStatus.CONNECTED, rx_bytes=1, tx_bytes=1
            )
        },
        since={remote.cable_name: 1.0},
        transitions={"starting": 1},
        moves={"a new leader": 1},
        detection=0.4,
        observer_failures={("noisy", "submariner_path_moved"): 1},
    )
    return gateway.GatewayCollector(lambda: figures)


def _wireguard() -> WireGuardCollector:
    peer = PeerFigures("west", "west-1", "submariner", 1.0)
    figures = WireGuardFigures("kernel", (peer,)).revived("submariner", 1.0)
    return WireGuardCollector(lambda: [figures])


def _libreswan() -> IpsecCollector:
    figures = IpsecFigures("strongswan", "interfaces", 1, 1.0, {"cable": 1})
    return IpsecCollector(lambda: [figures])


def _route_agent() -> routeagent.RouteAgentCollector:
    remote = RemoteStatus(
        ConnectionStatus.CONNECTED, "", endpoint("west", 2), latency=LatencyRTT(last=1)
    )
    figures = routeagent.Figures(carries="east-1", remotes=(remote,), detection=0.4)
    return routeagent.RouteAgentCollector(lambda: figures)


def _served(collector: Any) -> dict[str, tuple[str, str]]:
    """Each metric that a scrape shows, its type, and its labels as the page writes them."""
    registry = CollectorRegistry()
    registry.register(collector)
    served = {}
    for family in registry.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                served[sample.name] = (family.type, _labels(list(sample.labels)))
    return served


def _labels(labels: list[str]) -> str:
    common = list(gateway._CONNECTION_LABELS)
    if labels[: len(common)] == common:
        rest = labels[len(common) :]
        return ", ".join(["connection", *(f"`{label}`" for label in rest)])
    return ", ".join(f"`{label}`" for label in labels) or "–"
