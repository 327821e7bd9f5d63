"""What pluggy registers: who this plugin is, its driver, its metrics, its commands."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import Capability, Options, PluginInfo, Role
from submariner_core.api.version import API_VERSION
from submariner_libreswan.driver import NAME, LibreswanDriver
from submariner_libreswan.metrics import IpsecCollector
from submariner_libreswan.options import LibreswanOptions

if TYPE_CHECKING:
    import click
    from prometheus_client import CollectorRegistry

_drivers: weakref.WeakSet[LibreswanDriver] = weakref.WeakSet()
"""Those of this process, for its metrics."""


@hookimpl
def submariner_plugin_info() -> PluginInfo:
    """Who this plugin is. ``STANDBY`` needs XFRM interfaces; without them it says so."""
    return PluginInfo(
        name="submariner-libreswan",
        api_version=API_VERSION,
        provides={Role.CABLE: (NAME,)},
        capabilities=(
            Capability.STANDBY
            | Capability.ENCRYPTED
            | Capability.NAT
            | Capability.COUNTERS
            | Capability.EVENTS
        ),
        options={NAME: LibreswanOptions},
    )


@hookimpl
def submariner_cable_driver(
    name: str, options: Options, state_dir: Path
) -> LibreswanDriver | None:
    """The driver, if it is asked for by its name."""
    if name != NAME or not isinstance(options, LibreswanOptions):
        return None
    driver = LibreswanDriver(options, state_dir)
    _drivers.add(driver)
    return driver


@hookimpl
def submariner_register_metrics(registry: CollectorRegistry) -> None:
    """The daemon and data plane in use, child SAs, daemons that died."""
    registry.register(IpsecCollector(lambda: [driver.figures for driver in _drivers]))


@hookimpl
def submariner_register_commands(cli: click.Group) -> None:
    """``submariner libreswan``."""
    from submariner_libreswan.commands import libreswan

    cli.add_command(libreswan)
