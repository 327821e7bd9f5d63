"""What pluggy registers: who this plugin is, its driver, its metrics, its commands."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import Capability, Options, PluginInfo, Role
from submariner_core.api.version import API_VERSION
from submariner_wireguard.driver import NAME, WireGuardDriver
from submariner_wireguard.metrics import WireGuardCollector
from submariner_wireguard.options import WireGuardOptions

if TYPE_CHECKING:
    import click
    from prometheus_client import CollectorRegistry

_drivers: weakref.WeakSet[WireGuardDriver] = weakref.WeakSet()
"""Those of this process, for its metrics."""


@hookimpl
def submariner_plugin_info() -> PluginInfo:
    """Who this plugin is."""
    return PluginInfo(
        name="submariner-wireguard",
        api_version=API_VERSION,
        provides={Role.CABLE: (NAME,)},
        capabilities=(
            Capability.STANDBY
            | Capability.ENCRYPTED
            | Capability.NAT
            | Capability.IPV6
            | Capability.COUNTERS
            | Capability.EVENTS
        ),
        options={NAME: WireGuardOptions},
    )


@hookimpl
def submariner_cable_driver(
    name: str, options: Options, state_dir: Path
) -> WireGuardDriver | None:
    """The driver, if it is asked for by its name."""
    if name != NAME or not isinstance(options, WireGuardOptions):
        return None
    driver = WireGuardDriver(options, state_dir)
    _drivers.add(driver)
    return driver


@hookimpl
def submariner_register_metrics(registry: CollectorRegistry) -> None:
    """Handshake ages, the implementation, daemons that died."""
    registry.register(WireGuardCollector(lambda: [driver.figures for driver in _drivers]))


@hookimpl
def submariner_register_commands(cli: click.Group) -> None:
    """``submariner wireguard``."""
    from submariner_wireguard.commands import wireguard

    cli.add_command(wireguard)
