"""What is installed: entry points read live from the metadata, imported one name at a time."""

from __future__ import annotations

import difflib
import importlib.metadata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, NoReturn

from stevedore.extension import ExtensionManager
from stevedore.named import NamedExtensionManager

from submariner_core.api.errors import PluginError
from submariner_core.api.info import Role
from submariner_core.loading.distributions import GROUPS, install_hint, known_names


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plugin comes from: the entry point and the distribution that declares it."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    @classmethod
    def of(cls, point: EntryPoint) -> Origin:
        """The origin of an entry point; metadata without a name still gets a readable one."""
        distribution = point.dist
        return cls(
            group=point.group,
            name=point.name,
            value=point.value,
            distribution=distribution.name if distribution else "an unnamed distribution",
            version=distribution.version if distribution else "",
        )

    @property
    def source(self) -> str:
        """``submariner-vxlan 0.1.0``."""
        return f"{self.distribution} {self.version}".rstrip()

    def __str__(self) -> str:
        return f"{kind(self.group)} {self.name!r} ({self.source})"


def kind(group: str) -> str:
    """``cable plugin`` for ``submariner.cable``."""
    word = group.removeprefix("submariner.")
    return word if word == "command" else f"{word} plugin"


class Catalogue:
    """The entry points installed at the moment it is made."""

    def __init__(self) -> None:
        # read here rather than through stevedore, whose cache on disk goes stale
        found = importlib.metadata.entry_points()
        self._points = {group: tuple(found.select(group=group)) for group in GROUPS}

    def origins(self, group: str) -> tuple[Origin, ...]:
        """All that is declared in a group, sorted by name; duplicates included."""
        found = (Origin.of(point) for point in self._points[group])
        return tuple(sorted(found, key=lambda origin: (origin.name, origin.distribution)))

    def find(self, group: str, name: str) -> tuple[Origin, ModuleType]:
        """Import the module behind one name.

        Raises :class:`PluginError` when the name is not installed, is declared twice, or its
        module cannot be imported.
        """
        points = self._points[group]
        claims = [Origin.of(point) for point in points if point.name == name]
        if not claims:
            raise PluginError(self._unknown(group, name))
        if len(claims) > 1:
            sources = " and ".join(sorted(origin.source for origin in claims))
            raise PluginError(
                f"{kind(group)} {name!r} is declared by {sources}; uninstall all but one"
            )
        try:
            found = _LiveExtensions(points, group, name)
        except AssertionError as error:  # the one exception that stevedore lets through
            raise _import_failure(claims[0], error) from error
        module: object = found[name].plugin
        if not isinstance(module, ModuleType):
            raise PluginError(
                f"{claims[0]}: the entry point {claims[0].value!r} must name a module, "
                "without ':' and an attribute"
            )
        return claims[0], module

    def _unknown(self, group: str, name: str) -> str:
        origins = self.origins(group)
        names = {origin.name for origin in origins}
        parts = [f"there is no {kind(group)} {name!r}"]
        hint = install_hint(group, name)
        close = difflib.get_close_matches(name, sorted(names | set(known_names(group))), n=1)
        elsewhere = self._elsewhere(name)
        if hint:
            parts.append(f"to get it: {hint}")
        elif elsewhere:
            parts.append(f"{name!r} is {elsewhere}")
        elif close:
            near = close[0]
            get = install_hint(group, near) if near not in names else ""
            parts.append(f"did you mean {near!r}?" + (f" (to get it: {get})" if get else ""))
        listing = ", ".join(f"{origin.name} ({origin.source})" for origin in origins)
        parts.append(f"installed: {listing or 'none'}")
        return "; ".join(parts)

    def _elsewhere(self, name: str) -> str:
        for role in Role:
            if any(point.name == name for point in self._points[role.group]):
                return f"{'an' if role.value[0] in 'aeiou' else 'a'} {kind(role.group)}"
        return ""


class _LiveExtensions(NamedExtensionManager[Any]):
    """Imports the one name asked for; whatever goes wrong is raised."""

    def __init__(self, points: Sequence[EntryPoint], group: str, name: str) -> None:
        self._points = points
        super().__init__(
            group,
            names=[name],
            on_load_failure_callback=_raise_load_failure,
            on_missing_entrypoints_callback=_raise_missing,
        )

    def list_entry_points(self) -> list[EntryPoint]:
        return list(self._points)


def _raise_load_failure(
    _: ExtensionManager[Any], point: EntryPoint, error: BaseException
) -> NoReturn:
    raise _import_failure(Origin.of(point), error) from error


def _raise_missing(names: Iterable[str]) -> NoReturn:
    raise PluginError(f"not installed: {', '.join(sorted(names))}")


def _import_failure(origin: Origin, error: BaseException) -> PluginError:
    cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return PluginError(
        f"{origin}: {origin.value} cannot be imported: {cause}; "
        f"repair or reinstall {origin.distribution}"
    )
