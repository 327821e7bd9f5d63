"""How a command fails: what was wrong, on stderr, and exit code 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import click

from submariner_core.api.errors import ConfigError, SubmarinerError


class Failure(click.ClickException):
    """An error of ours. A misconfiguration keeps ``file:line:column`` at the start of its line."""

    def __init__(self, *errors: SubmarinerError) -> None:
        self.lines = tuple(_line(error) for error in errors)
        super().__init__("\n".join(self.lines))

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the lines to stderr."""
        click.echo(self.message, file=file, err=file is None)


def only_ours(group: BaseExceptionGroup[BaseException]) -> Failure | None:
    """The failure in a task group's errors, unless any of them is not one of ours."""
    leaves = tuple(_leaves(group))
    ours = tuple(leaf for leaf in leaves if isinstance(leaf, SubmarinerError))
    return Failure(*ours) if len(ours) == len(leaves) else None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner


def _line(error: SubmarinerError) -> str:
    return str(error) if isinstance(error, ConfigError) else f"error: {error}"
