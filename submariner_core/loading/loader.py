"""From settings to loaded plugins; all that can be wrong is found before the first packet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import ValidationError

from submariner_core.api.errors import ConfigError, PluginError
from submariner_core.api.info import Options, Role
from submariner_core.config import Document, Settings, judge, load_document
from submariner_core.config.problems import config_error, nearest
from submariner_core.loading.balancers import refuse_unknown_services
from submariner_core.loading.catalogue import Catalogue
from submariner_core.loading.facade import Hooks
from submariner_core.loading.loaded import Loaded, LoadedPart
from submariner_core.loading.parts import Part, parts
from submariner_core.loading.ports import refuse_shared_ports
from submariner_core.loading.registry import Plugin, Registry


def load_from(
    path: Path | None, environ: Mapping[str, str], *, roles: Collection[Role] | None = None
) -> Loaded:
    """Settings from a file and the environment, and their plugins: what a command starts with."""
    document = load_document(path, environ)
    return load(judge(document), document, roles=roles)


def load(
    settings: Settings,
    document: Document | None = None,
    *,
    roles: Collection[Role] | None = None,
) -> Loaded:
    """Import, register and judge the plugins that ``settings`` name, and open nothing.

    ``document`` is where the settings come from: with it, every error names its place.
    ``roles`` limits what is loaded. Raises :class:`PluginError` for a plugin that cannot be used
    and :class:`ConfigError` for options its model refuses.
    """
    source = document or Document()
    every = parts(settings)
    _refuse_stray_options(settings, every, source)
    wanted = [part for part in every if roles is None or part.role in roles]
    catalogue = Catalogue()
    registry = Registry()
    plugins = [_plugin(part, catalogue, registry, source) for part in wanted]
    loaded = tuple(
        LoadedPart(part, plugin, _options(part, plugin, settings, source))
        for part, plugin in zip(wanted, plugins, strict=True)
    )
    refuse_shared_ports(((one.part, one.udp_ports()) for one in loaded), source)
    if any(one.part.role is Role.CABLE for one in loaded):  # a gateway, or somebody who judges one
        for one in loaded:
            if one.part.title == "datastore":
                refuse_unknown_services(settings, one.plugin, source)
    named = {(one.part.role, one.part.name): one.plugin for one in loaded}
    return Loaded(settings, loaded, Hooks(registry, named))


def _plugin(part: Part, catalogue: Catalogue, registry: Registry, source: Document) -> Plugin:
    try:
        origin, module = catalogue.find(part.role.group, part.name)
        plugin = registry.register(origin, module)
        plugin.check_provides(part.role, part.name)
    except PluginError as error:
        raise PluginError(source.problem(part.loc, str(error))) from error
    return plugin


def _options(part: Part, plugin: Plugin, settings: Settings, source: Document) -> Options:
    root = ("options", part.key)
    model = plugin.info.options.get(part.name, Options)
    try:
        return model.model_validate(settings.options.get(part.key, {}))
    except ValidationError as error:
        raise config_error(error, model, source, root) from error


def _refuse_stray_options(settings: Settings, every: Collection[Part], source: Document) -> None:
    keys = {part.key for part in every}
    stray = [key for key in settings.options if key not in keys]
    if stray:
        reason = "belongs to no plugin that is named in plugins"
        raise ConfigError(
            "\n".join(
                source.problem(("options", key), f"{reason}{nearest(key, keys)}", key=True)
                for key in stray
            )
        )
