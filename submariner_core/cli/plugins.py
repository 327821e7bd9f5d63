"""``submariner plugins``: what is installed, and what of it cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from submariner_core.cli.output import Column, output_option, render

if TYPE_CHECKING:
    from submariner_core.loading import PluginReport

COLUMNS = (
    Column("name"),
    Column("role"),
    Column("distribution"),
    Column("version"),
    Column("api"),
    Column("capabilities"),
    Column("hooks", wide=True),
)


@click.command()
@output_option
def plugins(output: str) -> None:
    """List the installed plugins, each imported and judged by itself.

    A broken one is listed with the reason; the exit code is 1 if there is any.
    """
    from submariner_core.loading import installed_plugins

    found = installed_plugins()
    broken = any(one.problem for one in found)
    columns = (*COLUMNS, Column("problem", wide=not broken))
    render(rows(found), columns, output)
    if broken:
        raise SystemExit(1)


def rows(reports: Iterable[PluginReport]) -> list[dict[str, Any]]:
    """One row per plugin and part."""
    return [
        {
            "name": one.name,
            "role": one.part,
            "distribution": one.distribution,
            "version": one.version,
            "api": ".".join(map(str, one.api_version)) if one.api_version else None,
            "capabilities": one.capabilities,
            "hooks": [hook.removeprefix("submariner_") for hook in one.hooks],
            "problem": one.problem,
        }
        for one in reports
    ]
