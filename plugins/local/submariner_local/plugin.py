"""The plugin module: what its entry points name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from submariner_core.api.errors import PluginError
from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import Options, PluginInfo, Role
from submariner_core.api.lease import LeaseStore
from submariner_core.api.transport import Transport
from submariner_core.api.version import API_VERSION
from submariner_local.options import LocalOptions
from submariner_local.token import read_token

if TYPE_CHECKING:
    import click

    from submariner_local.http.client import StoreClient

NAME = "local"


@hookimpl
def submariner_plugin_info() -> PluginInfo:
    """Who this plugin is."""
    return PluginInfo(
        name=NAME,
        api_version=API_VERSION,
        provides={Role.BROKER: (NAME,), Role.ELECTION: (NAME,)},
        options={NAME: LocalOptions},
    )


@hookimpl
def submariner_transport(name: str, options: Options) -> Transport | None:
    """A file or a store server; one and the same for the datastore and the broker."""
    if name != NAME:
        return None
    local = _checked(options)
    if local.path is not None:
        from submariner_local.sqlite.database import Database
        from submariner_local.sqlite.store import FileTransport

        return FileTransport(Database(local.path, local.timeout))
    from submariner_local.http.store import HttpTransport

    return HttpTransport(_client(local, local.timeout))


@hookimpl
def submariner_lease_store(name: str, options: Options, cluster_id: str) -> LeaseStore | None:
    """The lease called ``cluster_id`` in a file or behind a store server."""
    if name != NAME:
        return None
    local = _checked(options)
    if local.path is not None:
        from submariner_local.sqlite.database import Database
        from submariner_local.sqlite.schema import LEASE_COUNTER
        from submariner_local.sqlite.store import FileLeaseStore

        return FileLeaseStore(Database(local.path, local.lease_timeout, LEASE_COUNTER), cluster_id)
    from submariner_local.http.store import HttpLeaseStore

    return HttpLeaseStore(_client(local, local.lease_timeout), cluster_id)


@hookimpl
def submariner_register_commands(cli: click.Group) -> None:
    """Add ``submariner store``."""
    from submariner_local.commands import store

    cli.add_command(store)


def _checked(options: Options) -> LocalOptions:
    if not isinstance(options, LocalOptions):
        raise PluginError(f"{NAME}: expected LocalOptions, got {type(options).__name__}")
    return options


def _client(local: LocalOptions, timeout: float) -> StoreClient:
    """Aiohttp is imported here at the earliest: a path needs none of it."""
    from submariner_local.http.client import StoreClient

    token, token_file = local.token, local.token_file

    def offered() -> str:
        if token is not None:
            return token.get_secret_value()
        assert token_file is not None
        return read_token(token_file)

    assert local.url is not None
    return StoreClient(local.url, offered, timeout)
