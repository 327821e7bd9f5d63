"""``submariner cleanup``: take this node out of service and leave no trace."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from submariner_core.cli.output import output_option, plain, render
from submariner_core.cli.settings_option import config_option

if TYPE_CHECKING:
    from submariner_core.cli.node.uninstall import Uninstall
    from submariner_core.loading import Loaded


@click.command()
@config_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Even while a gateway or route agent runs here.")
@click.option(
    "--uninstall",
    is_flag=True,
    envvar="SUBMARINER_UNINSTALL",
    help="The whole cluster leaves: remove its records from the datastore and the broker too.",
)
@output_option
@click.pass_context
def cleanup(
    context: click.Context,
    config: Path | None,
    yes: bool,
    force: bool,
    uninstall: bool,
    output: str,
) -> None:
    """Remove every trace from this node: devices, routes, rules, filters, sysctls, records.

    Lists what was there and is gone. Nothing of anyone else's is touched, and settings files and
    stores' files stay. The exit code is 1 if anything could not be removed; run it again then.
    """
    loaded = _load(config)
    settings = loaded.settings
    source = context.get_parameter_source("uninstall")
    if not (yes or (uninstall and source is ParameterSource.ENVIRONMENT)):
        what = f"cluster {settings.cluster_id}" if uninstall else f"node {settings.node_name}"
        click.confirm(f"Take {what} out of service?", abort=True, err=True)
    report(asyncio.run(_clean(loaded, leave=uninstall, force=force)), output)


def report(done: Uninstall, output: str) -> None:
    """Print the account; exit code 1 if anything failed."""
    from submariner_core.cli.node.removal import COLUMNS

    columns = COLUMNS if done.failed else COLUMNS[:-1]
    render([plain(entry) for entry in done.account], columns, output)
    for hint in done.hints:
        click.echo(hint, err=True)
    if not done.account:
        click.echo("there was nothing to remove", err=True)
    if done.failed:
        raise SystemExit(1)


def _load(config: Path | None) -> Loaded:
    from submariner_core.api.info import Role
    from submariner_core.loading import load_from
    from submariner_core.observe.logs import configure

    loaded = load_from(config, os.environ, roles=(Role.CABLE, Role.BROKER, Role.ROUTE))
    # what is done is listed at the end; stdout is the listing's
    configure(loaded.settings.log.model_copy(update={"level": "warning"}))
    return loaded


async def _clean(loaded: Loaded, *, leave: bool, force: bool) -> Uninstall:
    from submariner_core.cli.node.running import nothing_runs
    from submariner_core.cli.node.uninstall import uninstalling

    async with nothing_runs(loaded.settings, force=force), uninstalling(loaded) as work:
        await work.route_agent()
        await work.gateway(leave=leave)
    return work
