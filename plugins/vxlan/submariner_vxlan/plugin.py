"""What pluggy registers: who this plugin is, and its driver."""

from __future__ import annotations

from pathlib import Path

from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import Capability, Options, PluginInfo, Role
from submariner_core.api.version import API_VERSION
from submariner_vxlan.driver import VxlanDriver
from submariner_vxlan.options import VxlanOptions


@hookimpl
def submariner_plugin_info() -> PluginInfo:
    """Who this plugin is."""
    return PluginInfo(
        name="submariner-vxlan",
        api_version=API_VERSION,
        provides={Role.CABLE: ("vxlan",)},
        capabilities=Capability.STANDBY | Capability.COUNTERS,
        options={"vxlan": VxlanOptions},
    )


@hookimpl
def submariner_cable_driver(name: str, options: Options, state_dir: Path) -> VxlanDriver | None:
    """The driver, if it is asked for by its name."""
    if name != "vxlan" or not isinstance(options, VxlanOptions):
        return None
    return VxlanDriver(options, state_dir)
