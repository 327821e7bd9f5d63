"""The hook specifications. pluggy binds them; ``loading.facade`` is the only caller.

Hooks are synchronous and few: identity, factories, policy, events, operations. What a factory
returns is an object of one of the contracts, whose methods are ``async``.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import pluggy

from submariner_core.api.cable import CableDriver
from submariner_core.api.info import Options, PluginInfo
from submariner_core.api.lease import LeaseStore
from submariner_core.api.model import Connection, Endpoint, Transition
from submariner_core.api.route import RouteDriver
from submariner_core.api.transport import Transport

if TYPE_CHECKING:
    import click
    from prometheus_client import CollectorRegistry

PROJECT = "submariner"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# ---- identity


@hookspec
def submariner_plugin_info() -> PluginInfo:
    """Who this plugin is. Required; called once, before anything else of the plugin."""
    raise NotImplementedError


# ---- factories: called once per name, on the plugin behind the named entry point only


@hookspec
def submariner_cable_driver(
    name: str, options: Options, state_dir: FilePath
) -> CableDriver | None:
    """The driver called ``name``; ``state_dir`` is its own folder (mode 0700), kept over restarts.

    ``None`` where the name is not this plugin's.
    """


@hookspec
def submariner_lease_store(name: str, options: Options, cluster_id: str) -> LeaseStore | None:
    """The lease store called ``name``; ``cluster_id`` tells leases in one store apart."""


@hookspec
def submariner_transport(name: str, options: Options, role: str) -> Transport | None:
    """The transport called ``name``; ``role`` is ``"datastore"`` or ``"broker"``."""


@hookspec
def submariner_route_driver(
    name: str, options: Options, state_dir: FilePath
) -> RouteDriver | None:
    """The route driver called ``name``; ``state_dir`` as for a cable driver."""


# ---- policy


@hookspec
def submariner_choose_cable(remote: Endpoint, offered: tuple[str, ...]) -> tuple[str, ...] | None:
    """Drivers both sides offer for ``remote``, best first; return those to keep.

    May only strike out: order and additions are ignored. ``None``: no opinion.
    """


@hookspec
def submariner_endpoint_accepted(endpoint: Endpoint) -> str | None:
    """Why this endpoint must not be connected to, or ``None`` to accept it."""


# ---- events: to any number of observers; one that raises is counted and logged, no more


@hookspec
def submariner_leadership_changed(active: bool, epoch: int, cause: str) -> None:
    """This gateway became active or passive."""


@hookspec
def submariner_endpoint_added(endpoint: Endpoint) -> None:
    """A remote cluster's endpoint is now in use."""


@hookspec
def submariner_endpoint_updated(endpoint: Endpoint, previous: Endpoint) -> None:
    """A remote cluster's endpoint changed, or another gateway of it took over."""


@hookspec
def submariner_endpoint_removed(endpoint: Endpoint) -> None:
    """A remote cluster is gone."""


@hookspec
def submariner_connection_changed(connection: Connection, previous: Connection | None) -> None:
    """A connection's status changed."""


@hookspec
def submariner_path_moved(transition: Transition) -> None:
    """What carries to a cluster (gateway) or out of a node (route agent) changed."""


# ---- operations


@hookspec
def submariner_register_commands(cli: click.Group) -> None:
    """Add commands to ``submariner``. Found through the group ``submariner.command``."""


@hookspec
def submariner_register_metrics(registry: CollectorRegistry) -> None:
    """Add metrics to ``/metrics``."""
