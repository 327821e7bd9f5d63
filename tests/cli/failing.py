"""Commands that fail the way a daemon's task group does."""

from __future__ import annotations

import click

from submariner_core.api.errors import ConfigError, PluginError


@click.command()
def ours() -> None:
    inner = ExceptionGroup("inner", [PluginError("no driver")])
    raise ExceptionGroup("tasks", [ConfigError("g.yaml:1:2: wrong"), inner])


@click.command()
def mixed() -> None:
    raise ExceptionGroup("tasks", [PluginError("no driver"), ZeroDivisionError("a bug")])
