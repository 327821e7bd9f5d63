"""``submariner libreswan``: another PSK, without a lost packet."""

from __future__ import annotations

from pathlib import Path

import click

from submariner_core.api.errors import CableError
from submariner_libreswan.credentials import psk_from_file
from submariner_libreswan.rotation import Rotation

FOLDER = "libreswan"
"""The driver's own folder within the gateway's."""

_state_dir = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/var/lib/submariner"),
    show_default=True,
    help="The gateway's state_dir.",
)
_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))


@click.group()
def libreswan() -> None:
    """The PSK of the `libreswan` cable driver on this host."""


@libreswan.group()
def psk() -> None:
    """Another PSK, in three steps, each at every gateway before the next.

    accept: peers may use the new one beside the old. use: this gateway uses it. drop: the old one
    is accepted no longer. A running gateway follows within seconds; what is connected stays so.
    """


@psk.command()
@_file
@_state_dir
def accept(file: Path, state_dir: Path) -> None:
    """Accept the PSK in FILE from peers, beside the one in use."""
    try:
        new = psk_from_file(file, "FILE")
        _rotation(state_dir).accept(new)
    except CableError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"PSK {new.fingerprint} is accepted here; when it is at every gateway: psk use")


@psk.command()
@_state_dir
def use(state_dir: Path) -> None:
    """Use the accepted PSK; the old one stays accepted."""
    try:
        used = _rotation(state_dir).use()
    except CableError as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"PSK {used.fingerprint} is in use here; when it is at every gateway, put it into "
        "psk_file there, then: psk drop FILE"
    )


@psk.command()
@_file
@_state_dir
def drop(file: Path, state_dir: Path) -> None:
    """Accept only the PSK of the settings, which stands in FILE (their psk_file)."""
    try:
        configured = psk_from_file(file, "FILE")
        _rotation(state_dir).drop(configured)
    except CableError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"PSK {configured.fingerprint} alone is accepted here")


def _rotation(state_dir: Path) -> Rotation:
    folder = state_dir / FOLDER
    if not folder.is_dir():
        raise CableError(f"{folder}: no gateway with a libreswan cable has run here")
    return Rotation(folder / "psk")
