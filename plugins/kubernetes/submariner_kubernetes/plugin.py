"""The plugin module: what its entry points name."""

from __future__ import annotations

import click

from submariner_core.api.errors import PluginError
from submariner_core.api.hooks import hookimpl
from submariner_core.api.info import Capability, Options, PluginInfo, Role
from submariner_core.api.lease import LeaseStore
from submariner_core.api.transport import Transport
from submariner_core.api.version import API_VERSION
from submariner_kubernetes.options import KubernetesOptions

TRANSPORT = "k8s"
LEASE = "k8s-lease"


@hookimpl
def submariner_plugin_info() -> PluginInfo:
    """Who this plugin is."""
    return PluginInfo(
        name="kubernetes",
        api_version=API_VERSION,
        provides={Role.BROKER: (TRANSPORT,), Role.ELECTION: (LEASE,)},
        capabilities=Capability.LOAD_BALANCERS,
        options={TRANSPORT: KubernetesOptions, LEASE: KubernetesOptions},
    )


@hookimpl
def submariner_transport(name: str, options: Options, role: str) -> Transport | None:
    """Records as ``submariner.io/v1`` objects; the role gives the namespace where none is set."""
    if name != TRANSPORT:
        return None
    # the Kubernetes library takes most of a second and 47 MiB: only where it is used
    from submariner_kubernetes.client import KubeClient
    from submariner_kubernetes.transport import KubernetesTransport

    checked = _checked(options)
    return KubernetesTransport(KubeClient(checked, role, checked.timeout))


@hookimpl
def submariner_lease_store(name: str, options: Options) -> LeaseStore | None:
    """Upstream's Lease in the cluster's own namespace: there is one per cluster."""
    if name != LEASE:
        return None
    from submariner_kubernetes.client import KubeClient
    from submariner_kubernetes.lease import KubernetesLeaseStore
    from submariner_kubernetes.pod import GatewayPod

    checked = _checked(options)
    client = KubeClient(checked, "election", checked.lease_timeout)
    return KubernetesLeaseStore(client, GatewayPod.of_this_process(client))


@hookimpl
def submariner_register_commands(cli: click.Group) -> None:
    """Add what makes a broker, and what joins and leaves it."""
    from submariner_kubernetes.deployment.commands import deploy_broker, join, leave

    for command in (deploy_broker, join, leave):
        cli.add_command(command)


def _checked(options: Options) -> KubernetesOptions:
    if not isinstance(options, KubernetesOptions):
        raise PluginError(f"kubernetes: expected its options, got {type(options).__name__}")
    return options
