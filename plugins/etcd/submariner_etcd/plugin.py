"""The plugin module: what its entry points name."""

from __future__ import annotations

from submariner_core.api.errors import PluginError
from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import Options, PluginInfo, Role
from submariner_core.api.lease import LeaseStore
from submariner_core.api.transport import Transport
from submariner_core.api.version import API_VERSION
from submariner_etcd.options import EtcdOptions

NAME = "etcd"


@hookimpl
def submariner_plugin_info() -> PluginInfo:
    """Who this plugin is."""
    return PluginInfo(
        name=NAME,
        api_version=API_VERSION,
        provides={Role.BROKER: (NAME,), Role.ELECTION: (NAME,)},
        options={NAME: EtcdOptions},
    )


@hookimpl
def submariner_transport(name: str, options: Options) -> Transport | None:
    """Records below the prefix; one and the same for the datastore and the broker."""
    if name != NAME:
        return None
    etcd = _checked(options)
    from submariner_etcd.client import EtcdClient
    from submariner_etcd.transport import EtcdTransport

    return EtcdTransport(EtcdClient(etcd, etcd.timeout), f"{etcd.prefix}/records/")


@hookimpl
def submariner_lease_store(name: str, options: Options, cluster_id: str) -> LeaseStore | None:
    """The lease of a cluster: one key."""
    if name != NAME:
        return None
    etcd = _checked(options)
    from submariner_etcd.client import EtcdClient
    from submariner_etcd.lease import EtcdLeaseStore

    client = EtcdClient(etcd, etcd.lease_timeout)
    return EtcdLeaseStore(client, f"{etcd.prefix}/leases/{cluster_id}")


def _checked(options: Options) -> EtcdOptions:
    if not isinstance(options, EtcdOptions):
        raise PluginError(f"{NAME}: expected EtcdOptions, got {type(options).__name__}")
    return options
