"""The option ``--set`` of this plugin's commands: options of plugins in a lab."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import click
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from submariner_lab.spec import Options

_T = TypeVar("_T", bound=Callable[..., object])
_FORM = "it has the form [CLUSTER:]PLUGIN.OPTION=VALUE, as in west:libreswan.daemon=strongswan"


@dataclass(frozen=True, slots=True)
class Preset:
    """One option of a plugin, in one cluster or (``cluster`` empty) in all."""

    cluster: str
    plugin: str
    option: str
    value: object
    text: str

    def __str__(self) -> str:
        return self.text


class _Preset(click.ParamType[Preset]):
    name = "preset"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Preset:
        if isinstance(value, Preset):
            return value
        text = str(value)
        left, equals, right = text.partition("=")
        cluster, colon, name = left.rpartition(":")
        plugin, dot, option = name.partition(".")
        if not (equals and dot and plugin and option and (cluster or not colon)):
            self.fail(f"{text!r}: {_FORM}", param, ctx)
        try:
            read = YAML(typ="safe", pure=True).load(right)
        except YAMLError:
            self.fail(f"{text!r}: {right!r} is no YAML value; {_FORM}", param, ctx)
        return Preset(cluster, plugin, option, read, text)


def option(command: _T) -> _T:
    """Give a command the option ``--set``, as ``presets``."""
    return click.option(
        "--set",
        "presets",
        type=_Preset(),
        multiple=True,
        metavar="[CLUSTER:]PLUGIN.OPTION=VALUE",
        help="An option of a plugin, on all nodes or those of one cluster; may be repeated.",
    )(command)


def options_of(presets: Iterable[Preset], cluster: str = "") -> Options:
    """The options by plugin that hold in one cluster alone, or (empty) in all."""
    found: dict[str, dict[str, object]] = {}
    for preset in presets:
        if preset.cluster == cluster:
            found.setdefault(preset.plugin, {})[preset.option] = preset.value
    return found


def by_cluster(presets: Iterable[Preset]) -> Mapping[str, Options]:
    """The options that do not hold in all clusters."""
    given = tuple(presets)
    clusters = dict.fromkeys(preset.cluster for preset in given if preset.cluster)
    return {cluster: options_of(given, cluster) for cluster in clusters}
