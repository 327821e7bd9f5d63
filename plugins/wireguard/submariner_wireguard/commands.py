"""``submariner wireguard``: the keys of this host."""

from __future__ import annotations

from pathlib import Path

import click

from submariner_core.api.errors import CableError
from submariner_wireguard.keyfile import load_key, stage_key
from submariner_wireguard.secret import public_key


@click.group()
def wireguard() -> None:
    """The keys of the `wireguard` cable driver on this host."""


FOLDER = "wireguard"
"""The driver's own folder within the gateway's."""

_state_dir = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/var/lib/submariner"),
    show_default=True,
    help="The gateway's state_dir.",
)


@wireguard.command("show-key")
@_state_dir
def show_key(state_dir: Path) -> None:
    """Print the public key of this host's gateway."""
    try:
        key = load_key(state_dir / FOLDER)
    except CableError as error:
        raise click.ClickException(str(error)) from None
    if key is None:
        raise click.ClickException(f"{state_dir / FOLDER}: there is no key yet: start the gateway")
    click.echo(public_key(key))


@wireguard.command("rotate-key")
@_state_dir
def rotate_key(state_dir: Path) -> None:
    """Make a new private key, for this host's gateway to take up when it is told to.

    `submariner gateway renew` does so and loses no packet: with a second gateway it hands over
    first, without one it sends by second cables meanwhile. A restart does so too, and without a
    second gateway packets may be lost.
    """
    folder = state_dir / FOLDER
    if not folder.is_dir():
        raise click.ClickException(f"{folder}: no gateway with a wireguard cable has run here")
    try:
        key = stage_key(folder)
    except CableError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"new public key {public_key(key)}: submariner gateway renew, to use it")
