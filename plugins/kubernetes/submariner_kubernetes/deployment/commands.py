"""``submariner deploy-broker``, ``join`` and ``leave``."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from functools import wraps
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from submariner_kubernetes.options import KubernetesOptions
from submariner_kubernetes.resource import Object

CLUSTER_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,52}[a-z0-9])?")
"""A part of the names of an account and its Secret, which may have 63 characters."""
Command = Callable[..., Any]
_FILE = click.Path(path_type=Path, dir_okay=False)
_INFO = click.Path(path_type=Path, dir_okay=False, exists=True)


class _ClusterID(click.ParamType[str]):
    name = "id"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if not CLUSTER_ID.fullmatch(str(value)):
            self.fail("expected lower-case letters, digits and '-', 54 at most", param, ctx)
        return str(value)


class _Network(click.ParamType[IPv4Network]):
    name = "network"

    def convert(self, value: Any, param: Any, ctx: Any) -> IPv4Network:
        try:
            return IPv4Network(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Component(click.ParamType[str]):
    name = "name"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        from submariner_kubernetes.deployment.objects import components

        if value not in components():
            self.fail(f"there are {', '.join(components())}", param, ctx)
        return str(value)


class _Settings(click.ParamType[Mapping[str, Any]]):
    name = "file"

    def convert(self, value: Any, param: Any, ctx: Any) -> Mapping[str, Any]:
        try:
            found = YAML(typ="safe", pure=True).load(Path(value).read_text("utf-8"))
        except (OSError, UnicodeError, YAMLError) as error:
            self.fail(str(error), param, ctx)
        if not isinstance(found, dict):
            self.fail("expected settings as in docs/configuration.md", param, ctx)
        return found


def _at_a_cluster(function: Command) -> Command:
    """Options of every command here; the kubeconfig becomes the argument ``own``."""

    @click.option(
        "--kubeconfig",
        envvar="KUBECONFIG",
        type=_FILE,
        default=lambda: Path.home() / ".kube" / "config",
        help="Whose cluster this is done to, and as whom.  [default: ~/.kube/config]",
    )
    @click.option("--context", help="The context in it.  [default: the current one]")
    @click.option("--dry-run", is_flag=True, help="Change nothing; show what would be done.")
    @click.option(
        "-o",
        "--output",
        type=click.Choice(["names", "yaml"]),
        default="names",
        help="What a dry run prints.",
    )
    @wraps(function)
    def wrapped(kubeconfig: Path, context: str | None, **arguments: Any) -> None:
        own = KubernetesOptions(kubeconfig=kubeconfig, context=context)
        coroutine: Coroutine[Any, Any, None] = function(own=own, **arguments)
        asyncio.run(coroutine)

    return wrapped


@click.command("deploy-broker")
@_at_a_cluster
@click.option(
    "--url",
    required=True,
    help="Where the other clusters reach this API server: https://HOST:PORT",
)
@click.option(
    "--broker-info",
    type=_FILE,
    default=Path("broker-info.yaml"),
    show_default=True,
    help="Where to write what `join` needs. It holds secrets.",
)
@click.option("--wait", default=20.0, show_default=True, help="Seconds for the account's token.")
async def deploy_broker(
    own: KubernetesOptions, dry_run: bool, output: str, url: str, broker_info: Path, wait: float
) -> None:
    """Make this cluster a broker, and write the file by which clusters join it.

    A file that is there keeps its PSK.
    """
    from submariner_kubernetes.deployment import objects
    from submariner_kubernetes.deployment.admin import admin_at
    from submariner_kubernetes.deployment.broker_info import BrokerInfo

    wanted = objects.of_a_broker()
    if dry_run:
        _show(wanted, output)
        return
    psk = BrokerInfo.read(broker_info).psk if broker_info.exists() else secrets.token_urlsafe(48)
    async with admin_at(own, "deploy-broker") as admin:
        async for what, how in admin.apply(wanted):
            click.echo(f"{what}: {how}")
        token, authority = await admin.token(objects.BROKER, objects.ADMIN_SECRET, wait)
    BrokerInfo(url, objects.BROKER, authority, token, psk).write(broker_info)
    click.echo(f"{broker_info}: written; keep it secret, and give it to `submariner join`")


@click.command()
@_at_a_cluster
@click.argument("broker_info", type=_INFO)
@click.option("--cluster-id", required=True, type=_ClusterID(), help="This cluster's name.")
@click.option("--cluster-cidr", required=True, multiple=True, type=_Network(), help="Of pods.")
@click.option("--service-cidr", required=True, multiple=True, type=_Network(), help="Of services.")
@click.option(
    "--cable", "cables", multiple=True, default=["wireguard"], show_default=True,
    help="A cable driver; give several in the order in which to offer them.",
)  # fmt: skip
@click.option(
    "--image", default="submariner:latest", show_default=True, help="The daemons' image."
)
@click.option(
    "--component", "components", multiple=True, type=_Component(),
    help="A part of deploy/components that no cable brings by itself.",
)  # fmt: skip
@click.option("--settings", "extra", type=_Settings(), help="More settings; they win.")
@click.option("--wait", default=20.0, show_default=True, help="Seconds for the account's token.")
async def join(
    own: KubernetesOptions,
    dry_run: bool,
    output: str,
    broker_info: Path,
    wait: float,
    extra: Mapping[str, Any] | None,
    **cluster: Any,
) -> None:
    """Make this cluster part of the set that BROKER_INFO is of, or apply other settings to it.

    At the broker: an account of this cluster's own. Here: definitions, accounts, settings, both
    daemons. Label the gateways' nodes submariner.io/gateway=true.
    """
    from submariner_kubernetes.deployment import objects
    from submariner_kubernetes.deployment.admin import admin_at
    from submariner_kubernetes.deployment.broker_info import BrokerInfo

    if "libreswan" in cluster["cables"][1:]:
        raise click.UsageError("--cable libreswan: give it first: its charon has UDP port 4500")
    broker = BrokerInfo.read(broker_info)
    joining = objects.Joining(extra=extra or {}, **cluster)
    account = objects.of_an_account(joining.cluster_id)
    wanted = objects.of_a_cluster(joining, broker)
    if dry_run:
        masked = objects.secret(objects.PSK_SECRET, psk="(that of BROKER_INFO)")
        shown = [
            masked if one["metadata"]["name"] == objects.PSK_SECRET else one for one in wanted
        ]
        token = f"(of {objects.account_secret(joining.cluster_id)} at the broker)"
        _show([*account, *shown, objects.broker_secret(token, broker.ca)], output)
        return
    async with admin_at(broker.options(), "join") as admin:
        async for what, how in admin.apply(account):
            click.echo(f"broker: {what}: {how}")
        name = objects.account_secret(joining.cluster_id)
        token, authority = await admin.token(broker.namespace, name, wait)
    async with admin_at(own, "join") as admin:
        async for what, how in admin.apply([*wanted, objects.broker_secret(token, authority)]):
            click.echo(f"{what}: {how}")


@click.command()
@_at_a_cluster
@click.option("--broker-info", type=_INFO, help="What the cluster joined by; without it ...")
@click.option("--cluster-id", type=_ClusterID(), help="... and this, the broker is left as it is.")
async def leave(
    own: KubernetesOptions,
    dry_run: bool,
    output: str,
    broker_info: Path | None,
    cluster_id: str | None,
) -> None:
    """Take away what `join` made, here and at the broker; nothing that was there before.

    What the daemons made in their nodes' kernels stays: run `submariner cleanup` on each node.
    """
    from submariner_kubernetes.deployment.admin import admin_at
    from submariner_kubernetes.deployment.broker_info import BrokerInfo
    from submariner_kubernetes.deployment.leaving import leave_broker, leave_cluster

    if (broker_info is None) is not (cluster_id is None):
        raise click.UsageError("give both --broker-info and --cluster-id, or neither")
    async with admin_at(own, "join", keep=dry_run) as admin:
        await _tell(leave_cluster(admin), output)
    if broker_info is not None and cluster_id is not None:
        broker = BrokerInfo.read(broker_info)
        async with admin_at(broker.options(), "join", keep=dry_run) as admin:
            await _tell(leave_broker(admin, broker.namespace, cluster_id), output)


def _show(wanted: Iterable[Object], output: str) -> None:
    from submariner_kubernetes.deployment.admin import name_of
    from submariner_kubernetes.deployment.objects import as_yaml

    for one in wanted:
        click.echo(as_yaml([one]) if output == "yaml" else name_of(one), nl=output != "yaml")


async def _tell(news: AsyncIterator[tuple[Object, str]], output: str) -> None:
    from submariner_kubernetes.deployment.admin import name_of

    async for one, why in news:
        if why:
            click.echo(f"{name_of(one)} stays: {why}", err=True)
        else:
            _show([one], output)
