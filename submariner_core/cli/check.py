"""``submariner check``: everything that can be judged without opening anything."""

from __future__ import annotations

import os
from pathlib import Path

import click

from submariner_core.cli.output import output_option, render
from submariner_core.cli.plugins import COLUMNS, rows


@click.command()
@click.argument(
    "config", type=click.Path(path_type=Path), required=False, envvar="SUBMARINER_CONFIG"
)
@output_option
def check(config: Path | None, output: str) -> None:
    """Judge CONFIG and the plugins it names.

    Without CONFIG, the file that SUBMARINER_CONFIG names; without that, upstream's environment
    variables.

    Settings, plugins, their API versions, their options and their UDP ports are judged; no
    connection, device or file is opened. The exit code is 1 if anything is wrong; ranges that this
    release leaves out are named, and no mistake.
    """
    from submariner_core.cli.checks.ranges import unadvertised
    from submariner_core.loading import load_from

    loaded = load_from(config, os.environ)
    render(rows(loaded.report()), COLUMNS, output)
    if left_out := unadvertised(loaded.settings.ranges):
        click.echo(left_out, err=True)
    ports = loaded.cable_ports()
    if ports:
        click.echo(f"cables listen on UDP {', '.join(map(str, ports))}", err=True)
    click.echo(
        f"{config or 'the environment'}: cluster {loaded.settings.cluster_id}, ok", err=True
    )
