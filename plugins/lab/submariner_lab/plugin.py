"""The laboratory's commands."""

from __future__ import annotations

import click

from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import PluginInfo
from submariner_core.api.version import API_VERSION


@hookimpl
def submariner_plugin_info() -> PluginInfo:
    """A plugin of commands only."""
    return PluginInfo(name="lab", api_version=API_VERSION)


@hookimpl
def submariner_register_commands(cli: click.Group) -> None:
    """``submariner demo`` and ``submariner failover``."""
    from submariner_lab.demo.command import demo
    from submariner_lab.failover.command import failover

    cli.add_command(demo)
    cli.add_command(failover)
