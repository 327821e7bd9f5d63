"""Binds plugin modules to the hook specifications and refuses what does not keep them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import pluggy

from submariner_core.api import hooks
from submariner_core.api.errors import PluginError
from submariner_core.api.info import Options, PluginInfo, Role
from submariner_core.api.version import API_VERSION
from submariner_core.config.problems import nearest
from submariner_core.loading.catalogue import Origin

PREFIX = f"{hooks.PROJECT}_"
HOOKS = tuple(name for name in vars(hooks) if name.startswith(PREFIX))
"""Names of all hooks, in the order of their specifications."""

FACTORIES = {
    Role.CABLE: "submariner_cable_driver",
    Role.ELECTION: "submariner_lease_store",
    Role.BROKER: "submariner_transport",
    Role.ROUTE: "submariner_route_driver",
}
"""The factory that a plugin of each role must implement; an extension needs none."""


@dataclass(frozen=True, slots=True, eq=False)
class Plugin:
    """One registered module: where it comes from, who it is, which hooks it implements."""

    origin: Origin
    module: object
    info: PluginInfo
    hooks: tuple[str, ...]

    def check_provides(self, role: Role, name: str) -> None:
        """Raise :class:`PluginError` unless the plugin itself says that it plays this part."""
        names = self.info.provides.get(role, ())
        if name not in names:
            raise PluginError(
                f"{self.origin}: its submariner_plugin_info provides no {role.value} {name!r}, "
                f"only {', '.join(names) or 'none'}"
            )


class Registry:
    """The one place that holds pluggy's manager."""

    def __init__(self) -> None:
        self._pm = pluggy.PluginManager(hooks.PROJECT)
        self._pm.add_hookspecs(hooks)
        self._plugins: dict[object, Plugin] = {}

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """The registered plugins, in order of registration."""
        return tuple(self._plugins.values())

    def register(self, origin: Origin, module: object) -> Plugin:
        """Register a module once, however many names lead to it, and judge it.

        Raises :class:`PluginError`, and then holds nothing of the module.
        """
        known = self._plugins.get(module)
        if known is not None:
            return known
        try:
            plugin = self._bind(origin, module)
        except PluginError:
            if self._pm.is_registered(module):
                self._pm.unregister(module)
            raise
        self._plugins[module] = plugin
        return plugin

    def call(self, plugin: Plugin, hook: str, **arguments: object) -> list[Any]:
        """What this one plugin answers, without ``None``; empty if it lacks the hook."""
        return _call_one(self._pm, plugin.module, hook, arguments)

    def implementing(self, hook: str) -> tuple[Plugin, ...]:
        """The plugins that implement ``hook``."""
        return tuple(plugin for plugin in self.plugins if hook in plugin.hooks)

    def _bind(self, origin: Origin, module: object) -> Plugin:
        try:
            self._pm.register(module, name=origin.value)
            self._pm.check_pending()
        except pluggy.PluginValidationError as error:
            # a plugin for a later API may well fail here first: its version is the better answer
            declared = _declared_version(module)
            if declared is not None:
                check_version(origin, declared)
            raise PluginError(f"{origin}: {self._wording(module, error)}") from error
        names = tuple(caller.name for caller in self._pm.get_hookcallers(module) or ())
        _refuse_unmarked(origin, module, names)
        _refuse_coroutines(origin, self._pm, module, names)
        info = self._info(origin, module, names)
        check_version(origin, info.api_version)
        _check_info(origin, info, names)
        return Plugin(origin, module, info, tuple(n for n in HOOKS if n in names))

    def _wording(self, module: object, error: pluggy.PluginValidationError) -> str:
        for caller in self._pm.get_hookcallers(module) or ():
            if not caller.has_spec():
                return f"there is no hook {caller.name!r}{nearest(caller.name, HOOKS)}"
        return " ".join(str(error).split())

    def _info(self, origin: Origin, module: object, names: Collection[str]) -> PluginInfo:
        if "submariner_plugin_info" not in names:
            raise PluginError(f"{origin}: implements no submariner_plugin_info; every plugin must")
        try:
            answers = _call_one(self._pm, module, "submariner_plugin_info", {})
        except Exception as error:
            raise PluginError(f"{origin}: submariner_plugin_info raised {error!r}") from error
        if len(answers) != 1 or not isinstance(answers[0], PluginInfo):
            raise PluginError(f"{origin}: submariner_plugin_info must return one PluginInfo")
        return answers[0]


def check_version(origin: Origin, declared: tuple[int, int]) -> None:
    """Refuse another major or a later minor, naming the distribution to upgrade."""
    major, minor = API_VERSION
    if declared[0] == major and declared[1] <= minor:
        return
    stale = origin.distribution if declared[0] < major else "submariner-core"
    raise PluginError(
        f"{origin} is made for plugin API {declared[0]}.{declared[1]}, "
        f"this core has {major}.{minor}; upgrade {stale}"
    )


def _call_one(
    pm: pluggy.PluginManager, module: object, hook: str, arguments: dict[str, object]
) -> list[Any]:
    others = [plugin for plugin in pm.get_plugins() if plugin is not module]
    return list(pm.subset_hook_caller(hook, others)(**arguments))


def _declared_version(module: object) -> tuple[int, int] | None:
    ask: Callable[[], object] | None = getattr(module, "submariner_plugin_info", None)
    try:
        info = ask() if ask else None
    except Exception:  # noqa: BLE001 - whatever it is, the validation error says more
        return None
    return info.api_version if isinstance(info, PluginInfo) else None


def _refuse_unmarked(origin: Origin, module: object, names: Collection[str]) -> None:
    for name, value in vars(module).items():
        ours = inspect.isfunction(value) and value.__module__ == getattr(module, "__name__", None)
        if ours and name in HOOKS and name not in names:
            raise PluginError(f"{origin}: {name} lacks @hookimpl, so it would never be called")


def _refuse_coroutines(
    origin: Origin, pm: pluggy.PluginManager, module: object, names: Collection[str]
) -> None:
    for name in names:
        for impl in getattr(pm.hook, name).get_hookimpls():
            if impl.plugin is module and inspect.iscoroutinefunction(impl.function):
                raise PluginError(f"{origin}: {name} is async; hooks are plain functions")


def _check_info(origin: Origin, info: PluginInfo, names: Collection[str]) -> None:
    for role, provided in info.provides.items():
        given: object = provided  # what third parties wrote need not be what the type says
        if isinstance(given, str):
            raise PluginError(f"{origin}: provides a bare {provided!r}; write ({provided!r},)")
        factory = FACTORIES.get(role)
        if provided and factory and factory not in names:
            raise PluginError(
                f"{origin}: says it provides {role.value} {', '.join(provided)}, "
                f"but implements no {factory}"
            )
    for name, model in info.options.items():
        if not (isinstance(model, type) and issubclass(model, Options)):
            raise PluginError(
                f"{origin}: the options model of {name!r} must derive from "
                "submariner_core.api.info.Options"
            )
