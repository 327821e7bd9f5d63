"""Commands that other distributions add to ``submariner``."""

from __future__ import annotations

import click

from submariner_core.api.errors import PluginError
from submariner_core.loading.catalogue import Catalogue
from submariner_core.loading.distributions import COMMAND_GROUP
from submariner_core.loading.facade import Hooks
from submariner_core.loading.registry import Registry


def load_command(name: str) -> click.Command:
    """The command behind one entry point of ``submariner.command``.

    The plugin registers into a group of its own, so that it can replace no other command.
    Raises :class:`PluginError`.
    """
    origin, module = Catalogue().find(COMMAND_GROUP, name)
    registry = Registry()
    registry.register(origin, module)
    shelf = click.Group()
    Hooks(registry).register_commands(shelf)
    command = shelf.commands.get(name)
    if command is None:
        raise PluginError(
            f"{origin}: submariner_register_commands added no command {name!r}, "
            f"only {', '.join(sorted(shelf.commands)) or 'nothing'}"
        )
    return command
