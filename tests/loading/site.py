"""Distributions on disk: what ``pip install`` leaves behind, made by a test."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

IMPORTS = """
from pydantic import Field
from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import CableOptions, Capability, Options, PluginInfo, Role
"""

INFO = """
class PortOptions(CableOptions):
    port: int = Field(default=4500, ge=1, le=65535)

    def udp_ports(self, position):
        return range(self.port, self.port + 2)


@hookimpl
def submariner_plugin_info():
    return PluginInfo(
        name="{name}",
        api_version=(1, 0),
        provides={{role: ("{name}",) for role in Role}},
        capabilities=Capability.STANDBY | Capability.COUNTERS,
        options={{"{name}": PortOptions}},
    )
"""

FACTORIES = """
from submariner_core.testing import (
    MemoryCableDriver, MemoryLeaseStore, MemoryRouteDriver, MemoryTransport
)

CALLS = []


@hookimpl
def submariner_cable_driver(name, options, state_dir):
    CALLS.append(("cable", name, options, state_dir))
    return MemoryCableDriver(name=name)


@hookimpl
def submariner_lease_store(name, options, cluster_id):
    CALLS.append(("lease", name, options, cluster_id))
    return MemoryLeaseStore()


@hookimpl
def submariner_transport(name, options, role):
    CALLS.append(("transport", name, options, role))
    return MemoryTransport()


@hookimpl
def submariner_route_driver(name, options, state_dir):
    CALLS.append(("route", name, options, state_dir))
    return MemoryRouteDriver()
"""


def cable_only(name: str) -> str:
    """The source of a cable plugin that lacks its factory."""
    return IMPORTS + INFO.format(name=name).replace(
        "for role in Role", "for role in (Role.CABLE,)"
    )


def whole(name: str) -> str:
    """The source of a plugin that plays every part under ``name``."""
    return IMPORTS + INFO.format(name=name) + FACTORIES


class Site:
    """A folder on ``sys.path`` into which distributions are written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: set[str] = set()

    def install(
        self,
        distribution: str,
        entry_points: Mapping[str, Sequence[str]],
        modules: Mapping[str, str],
        version: str = "1.2.3",
    ) -> None:
        """Write modules and metadata. ``entry_points``: group to lines such as ``x = module``."""
        for module, source in modules.items():
            self._folder.joinpath(f"{module}.py").write_text(textwrap.dedent(source))
            self._modules.add(module)
        info = self._folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        identity = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        info.joinpath("METADATA").write_text(identity)
        lines = [
            line for group, points in entry_points.items() for line in (f"[{group}]", *points)
        ]
        info.joinpath("entry_points.txt").write_text("\n".join(lines) + "\n")
        importlib.invalidate_caches()

    def plugin(
        self, source: str, name: str = "fake", roles: Sequence[str] = ("cable",), module: str = ""
    ) -> None:
        """Install ``source`` as the plugin ``name`` of some roles, from ``submariner-<name>``."""
        module = module or f"{name}_plugin"
        groups = {f"submariner.{role}": [f"{name} = {module}"] for role in roles}
        self.install(f"submariner-{name}", groups, {module: source})

    def forget(self) -> None:
        """Let the next test import modules of its own."""
        for module in self._modules:
            sys.modules.pop(module, None)
