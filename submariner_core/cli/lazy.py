"""A command group whose commands are imported when they are called, ours and plugins' alike."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem

from submariner_core.api.errors import SubmarinerError
from submariner_core.cli.errors import Failure, only_ours

PLUGIN_GROUP = "submariner.command"
"""Entry points of this group are commands of other distributions."""


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """``target`` is ``module:attribute``; ``help`` is its line in the list of commands."""

    target: str
    help: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), self.target
        return command


class LazyGroup(click.Group):
    """Core commands from a table, then those that plugins add.

    Nothing is imported to list them. Errors of ours end a command with exit code 1.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Ours in the order of the table, then plugins' by name."""
        return [*self._lazy, *(name for name in _plugin_commands() if name not in self._lazy)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; ``None`` for a name that nobody has."""
        if cmd_name in self._lazy:
            return self._lazy[cmd_name].load()
        from submariner_core.loading.distributions import install_hint

        if cmd_name in _plugin_commands():
            from submariner_core.config.settings import Log
            from submariner_core.loading import load_command
            from submariner_core.observe.logs import configure

            configure(Log())  # a plugin's command logs to stderr, as the daemons do
            return load_command(cmd_name)
        hint = install_hint(PLUGIN_GROUP, cmd_name)
        if hint:
            ctx.fail(f"{cmd_name!r} is not installed; to get it: {hint}")
        return None

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """Two lists, made without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._lazy.items()])
        added = [(n, f"({dist})") for n, dist in _plugin_commands().items() if n not in self._lazy]
        if added:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(added)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete names and options without importing a command."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=self._help(name)) for name in names), *options]

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and turn our errors into a line on stderr."""
        try:
            return super().invoke(ctx)
        except SubmarinerError as error:
            raise Failure(error) from error
        except BaseExceptionGroup as group:
            failure = only_ours(group)
            if failure is None:
                raise
            raise failure from group

    def _help(self, name: str) -> str:
        return self._lazy[name].help if name in self._lazy else f"({_plugin_commands()[name]})"


def _plugin_commands() -> dict[str, str]:
    """Names of plugins' commands with the distributions that declare them."""
    points = importlib.metadata.entry_points(group=PLUGIN_GROUP)
    return {
        point.name: point.dist.name if point.dist else ""
        for point in sorted(points, key=lambda point: point.name)
    }
