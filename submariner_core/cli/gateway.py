"""``submariner gateway``: run this node's gateway."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click


@click.group(invoke_without_command=True)
@click.option(
    "--config",
    "config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="SUBMARINER_CONFIG",
    help="The YAML file; without it, upstream's environment variables are used.",
)
@click.pass_context
def gateway(context: click.Context, config: Path | None) -> None:
    """Run this node's gateway until SIGTERM or SIGINT; the data path stays when it exits."""
    if context.invoked_subcommand is not None:
        return
    from submariner_core.api.info import Role
    from submariner_core.engine.gateway import Gateway
    from submariner_core.loading import load_from
    from submariner_core.observe.logs import configure

    roles = (Role.CABLE, Role.ELECTION, Role.BROKER, Role.EXTENSION)
    loaded = load_from(config, os.environ, roles=roles)
    configure(loaded.settings.log)
    asyncio.run(Gateway(loaded.settings, loaded).run())
