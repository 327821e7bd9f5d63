"""Finds plugins, binds them, and calls them: stevedore finds, pluggy binds, ``Hooks`` calls."""

from submariner_core.loading.commands import load_command
from submariner_core.loading.facade import Hooks
from submariner_core.loading.loaded import Loaded
from submariner_core.loading.loader import load, load_from
from submariner_core.loading.on_node import load_on_node
from submariner_core.loading.report import PluginReport, installed_plugins

__all__ = [
    "Hooks",
    "Loaded",
    "PluginReport",
    "installed_plugins",
    "load",
    "load_command",
    "load_from",
    "load_on_node",
]
