"""What is loaded, or installed, as one row per plugin and part."""

from __future__ import annotations

from dataclasses import dataclass

from submariner_core.api.errors import PluginError
from submariner_core.api.info import Capability, Role
from submariner_core.loading.catalogue import Catalogue, Origin
from submariner_core.loading.distributions import COMMAND_GROUP, GROUPS
from submariner_core.loading.registry import Plugin, Registry


@dataclass(frozen=True, slots=True)
class PluginReport:
    """One plugin in one part. ``problem`` is empty unless it cannot be used."""

    name: str
    part: str
    distribution: str
    version: str
    api_version: tuple[int, int] | None = None
    capabilities: Capability = Capability.NONE
    hooks: tuple[str, ...] = ()
    problem: str = ""

    @classmethod
    def of(cls, plugin: Plugin, part: str, name: str) -> PluginReport:
        """The row of a plugin that keeps its contract."""
        return cls(
            name=name,
            part=part,
            distribution=plugin.origin.distribution,
            version=plugin.origin.version,
            api_version=plugin.info.api_version,
            capabilities=plugin.info.capabilities,
            hooks=plugin.hooks,
        )


def installed_plugins() -> tuple[PluginReport, ...]:
    """Everything installed, each imported and judged by itself; a broken one says why."""
    catalogue = Catalogue()
    return tuple(
        _judge(catalogue, origin, part)
        for group in GROUPS
        for part in _parts(group)
        for origin in catalogue.origins(group)
    )


def _parts(group: str) -> tuple[str, ...]:
    """What settings call the plugins of ``group``: a transport serves two of their parts."""
    part = group.removeprefix("submariner.")
    return ("datastore", part) if part == Role.BROKER.value else (part,)


def _judge(catalogue: Catalogue, origin: Origin, part: str) -> PluginReport:
    try:
        _, module = catalogue.find(origin.group, origin.name)
        plugin = Registry().register(origin, module)
        if origin.group != COMMAND_GROUP:
            plugin.check_provides(Role(origin.group.removeprefix("submariner.")), origin.name)
    except PluginError as error:
        return PluginReport(
            origin.name, part, origin.distribution, origin.version, problem=str(error)
        )
    return PluginReport.of(plugin, part, origin.name)
