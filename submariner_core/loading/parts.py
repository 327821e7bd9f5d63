"""The parts that settings give to plugins, with where each was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from submariner_core.api.info import Role
from submariner_core.config.document import Loc
from submariner_core.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Part:
    """One plugin in one part.

    ``key`` is where its options stand: the role's name for election, datastore, broker and route,
    the plugin's own for cables and extensions. ``loc`` is where the plugin is named.
    """

    title: str
    role: Role
    name: str
    key: str
    loc: Loc


def parts(settings: Settings) -> tuple[Part, ...]:
    """Every part, cables first and in their order."""
    return tuple(_parts(settings))


def _parts(settings: Settings) -> Iterator[Part]:
    plugins = settings.plugins
    for index, name in enumerate(plugins.cable):
        yield Part("cable", Role.CABLE, name, name, ("plugins", "cable", index))
    # the datastore is a broker transport pointed at the own cluster
    for title, role, player in (
        ("election", Role.ELECTION, plugins.election),
        ("datastore", Role.BROKER, plugins.datastore),
        ("broker", Role.BROKER, plugins.broker),
        ("route", Role.ROUTE, plugins.route),
    ):
        if player is not None:
            yield Part(title, role, player, title, ("plugins", title))
    for index, name in enumerate(plugins.extension):
        yield Part("extension", Role.EXTENSION, name, name, ("plugins", "extension", index))
