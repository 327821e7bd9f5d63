"""The plugin module behind the entry point ``kubeproxy``."""

from __future__ import annotations

from pathlib import Path

from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import Options, PluginInfo, Role
from submariner_core.api.route import RouteDriver
from submariner_kubeproxy.driver import KubeProxyDriver
from submariner_kubeproxy.options import KubeProxyOptions


@hookimpl
def submariner_plugin_info() -> PluginInfo:
    """Who this plugin is."""
    return PluginInfo(
        name="submariner-kubeproxy",
        api_version=(1, 0),
        provides={Role.ROUTE: ("kubeproxy",)},
        options={"kubeproxy": KubeProxyOptions},
    )


@hookimpl
def submariner_route_driver(name: str, options: Options, state_dir: Path) -> RouteDriver | None:
    """The route driver, if it is the one asked for."""
    if name != "kubeproxy" or not isinstance(options, KubeProxyOptions):
        return None
    return KubeProxyDriver(options, state_dir)
