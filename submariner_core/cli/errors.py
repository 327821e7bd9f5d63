"""How a command fails: what was wrong, on stderr, and exit code 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import click

from submariner_core.api.errors import SubmarinerError


class Failure(click.ClickException):
    """Errors of ours, each on its line, so that ``file:line:column`` stands at the start."""

    def __init__(self, *errors: SubmarinerError) -> None:
        super().__init__("\n".join(str(error) for error in errors))

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
