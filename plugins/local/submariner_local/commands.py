"""``submariner store``: the server over a store's file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from submariner_core.api.errors import StoreError
from submariner_local.token import ensure_token


@click.group()
def store() -> None:
    """The embedded store of the `local` plugin."""


@store.command()
@click.option(
    "--listen",
    default="127.0.0.1:7446",
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen; port 0 takes a free one.",
)
@click.option(
    "--database",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The SQLite file; made if it is missing.",
)
@click.option(
    "--token-file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The token that clients must show; made if it is missing.",
)
@click.option(
    "--timeout",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.1, 60),
    help="Seconds to wait for another process's lock on the file.",
)
def serve(listen: str, database: Path, token_file: Path, timeout: float) -> None:
    """Serve a store to the machines of a network, until SIGTERM.

    The traffic is plain HTTP: keep it on a trusted network or behind a TLS proxy.
    """
    from submariner_local.http.serve import serve as serve_until_told

    host, port = _address(listen)
    try:
        token, made = ensure_token(token_file)
        if made:
            click.echo(f"made a token in {token_file}; give clients a copy of it", err=True)

        def ready(url: str) -> None:
            click.echo(f"store {database} listening on {url}")

        asyncio.run(serve_until_told(host, port, database, token, timeout, ready))
    except StoreError as error:
        raise click.ClickException(str(error)) from error


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if (
        not colon
        or not host
        or (":" in host and not bracketed)
        or not port.isdigit()
        or int(port) > 65535
    ):
        raise click.BadParameter(
            f"{text!r}: expected HOST:PORT, e.g. 0.0.0.0:7446 or [::]:7446", param_hint="--listen"
        )
    return host, int(port)
